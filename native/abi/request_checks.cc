#include "abi/request_checks.h"

#include <sys/socket.h>

namespace ipvs::abi {
namespace {

bool needs_service(Operation operation) {
  switch (operation) {
    case Operation::kServiceAdd:
    case Operation::kServiceSet:
    case Operation::kServiceRemove:
    case Operation::kServiceGet:
    case Operation::kDestinationAdd:
    case Operation::kDestinationSet:
    case Operation::kDestinationRemove:
    case Operation::kDestinationList:
    case Operation::kLocalAddressAdd:
    case Operation::kLocalAddressRemove:
    case Operation::kLocalAddressList:
      return true;
    default:
      return false;
  }
}

}  // namespace

bool valid_request(const Request& request) {
  const auto operation = request.operation;
  if (operation < static_cast<std::uint16_t>(Operation::kProbe) ||
      operation > static_cast<std::uint16_t>(Operation::kSnapshot)) {
    return false;
  }
  if (request.transport != static_cast<std::uint16_t>(Transport::kNetlink) &&
      request.transport != static_cast<std::uint16_t>(Transport::kSockopt)) {
    return false;
  }
  if (!has(request, presence::kService)) return !needs_service(static_cast<Operation>(operation));
  if (request.service.address.family != AF_INET && request.service.address.family != AF_INET6) return false;
  return !has(request, presence::kFwmark) || request.service.fwmark != 0;
}

}  // namespace ipvs::abi
