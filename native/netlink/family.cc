#include "netlink/family.h"

namespace ipvs::netlink {
namespace {

std::uint64_t read_commands(std::span<const std::byte> operations) {
  std::uint64_t commands = 0;
  AttributeCursor entries(operations);
  while (const auto entry = entries.next()) {
    AttributeCursor fields(entry->payload);
    while (const auto field = fields.next()) {
      if (field->type != CTRL_ATTR_OP_ID) continue;
      const auto id = field->number();
      if (id && *id < 64) commands |= std::uint64_t{1} << *id;
    }
  }
  return commands;
}

}  // namespace

void write_family_dump(Writer& writer, std::uint32_t sequence) {
  const std::size_t start =
      writer.begin_message(GENL_ID_CTRL, NLM_F_REQUEST | NLM_F_DUMP, sequence, CTRL_CMD_GETFAMILY);
  writer.end_message(start);
}

bool read_family(std::span<const std::byte> payload, std::string_view name, Family& family) {
  if (payload.size() < kGenericHeader) return false;
  Family found;
  bool matches = false;
  AttributeCursor attributes(payload.subspan(kGenericHeader));
  while (const auto attribute = attributes.next()) {
    const std::uint64_t number = attribute->number().value_or(0);
    switch (attribute->type) {
      case CTRL_ATTR_FAMILY_NAME:
        matches = attribute->text() == name;
        break;
      case CTRL_ATTR_FAMILY_ID:
        found.id = static_cast<std::uint16_t>(number);
        break;
      case CTRL_ATTR_VERSION:
        found.version = static_cast<std::uint32_t>(number);
        break;
      case CTRL_ATTR_MAXATTR:
        found.max_attribute = static_cast<std::uint32_t>(number);
        break;
      case CTRL_ATTR_OPS:
        found.commands = read_commands(attribute->payload);
        break;
      default:
        break;
    }
  }
  if (!matches || found.id < NLMSG_MIN_TYPE) return false;
  family = found;
  return true;
}

}  // namespace ipvs::netlink
