// moby/ipvs as people use it: one handle, one call for each operation. The table is that of table.cjs.
//
//	moby-peer write SERVICES DESTINATIONS
//	moby-peer read
//
// Prints milliseconds and the number of operations or records; opening the handle does not count. It is built where Go
// and github.com/moby/ipvs are; the benchmark takes the program by path (IPVS_BENCH_MOBY), linked statically.
package main

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"syscall"
	"time"

	"github.com/moby/ipvs"
)

const hostMask = 0xffffffff

func wanted(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func number(text string) int {
	value, err := strconv.Atoi(text)
	wanted(err)
	return value
}

func write(handle *ipvs.Handle, services, destinations int) int {
	for i := 0; i < services; i++ {
		service := &ipvs.Service{
			Address:       net.IPv4(192, 0, byte(i>>8), byte(i)),
			Port:          80,
			Protocol:      syscall.IPPROTO_TCP,
			AddressFamily: syscall.AF_INET,
			SchedName:     ipvs.RoundRobin,
			Netmask:       hostMask,
		}
		wanted(handle.NewService(service))
		for j := 0; j < destinations; j++ {
			wanted(handle.NewDestination(service, &ipvs.Destination{
				Address:         net.IPv4(10, byte(2+j>>8), byte(j), 1),
				Port:            8080,
				AddressFamily:   syscall.AF_INET,
				Weight:          1,
				ConnectionFlags: ipvs.ConnectionFlagMasq,
			}))
		}
	}
	return services * (1 + destinations)
}

func read(handle *ipvs.Handle) int {
	services, err := handle.GetServices()
	wanted(err)
	count := len(services)
	for _, service := range services {
		destinations, err := handle.GetDestinations(service)
		wanted(err)
		count += len(destinations)
	}
	return count
}

func main() {
	handle, err := ipvs.New("")
	wanted(err)
	defer handle.Close()
	started := time.Now()
	var count int
	if os.Args[1] == "write" {
		count = write(handle, number(os.Args[2]), number(os.Args[3]))
	} else {
		count = read(handle)
	}
	fmt.Println(float64(time.Since(started))/float64(time.Millisecond), count)
}
