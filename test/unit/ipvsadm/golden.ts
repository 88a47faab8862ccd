/** Rules as each program's -S -n prints them, and listings as their -L -n and -G do. */

import type { RulesDialect } from '../../../lib/formats'

export const RULES: Readonly<Record<RulesDialect, string>> = {
  mainline: `# ipvsadm.rules
-A -t 192.0.2.1:80 -s wrr -p 300 -M 255.255.255.0
-a -t 192.0.2.1:80 -r 198.51.100.2:8080 -m -w 65535
-a -t 192.0.2.1:80 -r 198.51.100.4:80 -g -w 7
-a -t 192.0.2.1:80 -r 198.51.100.5:80 -i -w 3 --tun-type ipip
-a -t 192.0.2.1:80 -r 198.51.100.7:80 -i -w 1 --tun-type gue --tun-port 6080 --tun-nocsum
-a -t 192.0.2.1:80 -r 198.51.100.9:80 -i -w 1 --tun-type gre --tun-csum
-A -t [2001:db8::1]:443 -s wlc -p 60 -M 64
-a -t [2001:db8::1]:443 -r [fd00:77::2]:8080 -m -w 65535
-A -u 192.0.2.1:53 -s rr -o
-A -u 192.0.2.5:5060 -s rr -p 60 --pe sip
-A --sctp-service 192.0.2.1:80 -s sh -b sh-fallback,sh-port
-A -f 7 -s sed
-a -f 7 -r 198.51.100.2:8080 -g -w 1
-A -f 8 -6 -s nq -p 9 -M 1
-A -f -5 -s wlc -p 1
`,
  'alibaba-v2': `-A -t 192.0.2.1:80 -s wrr -p 300 -M 255.255.255.0
-a -t 192.0.2.1:80 -r 198.51.100.2:8080 -m -w 65535
-a -t 192.0.2.1:80 -r 198.51.100.6:81 (null) -w 2
-A -t [2001:db8::1]:443 -s wlc -p 60 -M 64
-a -t [2001:db8::1]:443 -r [fd00:77::5]:443 -i -w 3
-A -u 192.0.2.1:53 -s rr ops
-A -f 7 -s sed
-a -f 7 -r 198.51.100.2:8080 -g -w 1
-A -f 8 -6 -s nq -p 9 -M 1
-A -f -5 -s wlc -p 1
`,
  'alibaba-v3': `-A -t 192.0.2.1:80 -s wrr -p 300 -M 255.255.255.0 -j enable -V 77
-a -t 192.0.2.1:80 -r 198.51.100.6:81 -b -w 2
-A -t [2001:db8::1]:443 -s wlc -p 60 -M 64 -j disable -V 900
-A -u 192.0.2.1:53 -s rr ops -j disable
-A -f 7 -s sed -j disable -V 77
-a -f 7 -r 198.51.100.2:8080 -g -w 1
-A -f 8 -6 -s nq -p 9 -M 1 -j disable -V 900
-P -t 192.0.2.1:80 -z 10.77.0.10
-P -t 192.0.2.1:80 -z 10.77.0.9
-P -t [2001:db8::1]:443 -z 253.0.0.119
-P -u 0.0.0.0:0 -z 10.77.0.11
`,
  dpvs: `-A -t 192.0.2.1:80 -s wrr -p 300 -M 255.255.255.0
-a -t 192.0.2.1:80 -r 198.51.100.6:81 -b -w 2
-A -u 192.0.2.1:53 -s conhash --ops
-A --sctp-service 192.0.2.1:80 -s rr
-A -f 8 -6 -s rr
-A -q 192.0.2.1:0 -s rr
-A -H proto=tcp,src-range=192.0.2.0-192.0.2.255,dst-range=,iif=,oif=dpdk1 -s rr
-a -H proto=tcp,src-range=192.0.2.0-192.0.2.255,dst-range=,iif=,oif=dpdk1 -r 198.51.100.2:0 -J -w 1
`,
}

const HEAD = 'IP Virtual Server version 1.2.1 (size=4096)\n'

export const LISTINGS: Readonly<Record<string, string>> = {
  mainline: `${HEAD}Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn
TCP  192.0.2.1:80 wrr persistent 300 mask 255.255.255.0
  -> 198.51.100.2:8080            Masq    65535  0          0         
  -> 198.51.100.4:80              Route   7      12         3         
TCP  [2001:db8::1]:443 wlc persistent 60 mask 64
  -> [fd00:77::2]:8080            Masq    65535  0          0         
UDP  192.0.2.5:5060 rr persistent 60 pe sip ops
SCTP 192.0.2.1:80 sh (sh-fallback,sh-port)
FWM  7 sed
  -> 198.51.100.2:8080            Tunnel  1      0          0         
FWM  8 IPv6 nq persistent 9 mask 1
`,
  'alibaba-v2': `${HEAD}Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn
TCP  192.0.2.1:80 wrr persistent 300 mask 255.255.255.0 synproxy
  -> 198.51.100.6:81              FullNat 2      0          0         
  -> 198.51.100.7:81              Local   -1     0          0         
`,
  'alibaba-v3': `${HEAD}Prot LocalAddress:Port Scheduler Established(Sec.) Flags
  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn
TCP  192.0.2.1:80      wrr       77                persistent 300 mask 255.255.255.0 synproxy
  -> 198.51.100.6:81              FullNat 2      0          0         
UDP  192.0.2.1:53      rr        UnK. or DFLT. 0  
FWM  7                 sed       900              
`,
  dpvs: `IP Virtual Server version 1.10.2 (size=0)
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn
TCP  192.0.2.1:80 conhash sip synproxy conn-timeout 90 dest-check internal:default external:tcp
  -> 198.51.100.6:81              FullNat 2      0          0          inhibited
`,
  stats: `${HEAD}Prot LocalAddress:Port               Conns   InPkts  OutPkts  InBytes OutBytes
  -> RemoteAddress:Port
TCP  192.0.2.1:80                        1       20       30      400  100000K
  -> 198.51.100.2:8080                   1       20       30      400      500
`,
  rate: `${HEAD}Prot LocalAddress:Port                 CPS    InPPS   OutPPS    InBPS   OutBPS
  -> RemoteAddress:Port
TCP  192.0.2.1:80                        1       20       30      400   12345M
  -> 198.51.100.2:8080                   1 123456789       30      400      500
`,
  thresholds: `${HEAD}Prot LocalAddress:Port            Uthreshold Lthreshold ActiveConn InActConn 
  -> RemoteAddress:Port
TCP  192.0.2.1:80 wrr
  -> 198.51.100.2:8080            100        40         5          6         
`,
  'thresholds of v3': `${HEAD}Prot LocalAddress:Port            Uthreshold Lthreshold ActiveConn InActConn 
  -> RemoteAddress:Port
TCP  192.0.2.1:80      wrr       77                persistent 300
  -> 198.51.100.2:8080            100        40         5          6         
UDP  192.0.2.1:53      rr        UnK. or DFLT. 0  
`,
  persistent: `${HEAD}Prot LocalAddress:Port            Weight    PersistConn ActiveConn InActConn 
  -> RemoteAddress:Port
TCP  192.0.2.1:80 wrr persistent 300
  -> 198.51.100.2:8080            3         4           5          6         
`,
  tunnels: `${HEAD}Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port           Forward TunnelInfo    Weight ActiveConn InActConn
TCP  192.0.2.1:80 wrr
  -> 198.51.100.2:8080            Masq    n/a           1      0          0         
  -> 198.51.100.5:80              Tunnel  ipip          1      0          0         
  -> 198.51.100.7:80              Tunnel  gue:6080:r+c  1      0          0         
  -> 198.51.100.8:80              Tunnel  gre:+c        1      0          0         
`,
  connections: `IPVS connection entries
pro expire state       source             virtual            destination
TCP 133:35 ESTABLISHED 192.0.2.9:1024     192.0.2.1:80       198.51.100.2:8080
UDP 04:59  UDP         [2001:db8::9]:53   [2001:db8::1]:53   [fd00:77::2]:53
IP  05:00  NONE        192.0.2.9:0        0.0.0.7:0          198.51.100.2:0
UDP 02:59  UDP         192.0.2.9:5060     192.0.2.5:5060     198.51.100.2:5060  sip              a84b4c76e66710
`,
  localAddresses: `VIP:VPORT            TOTAL    SNAT_IP              CONFLICTS  CONNS     
192.0.2.1:80         2        
                              10.77.0.10           0          0         
                              10.77.0.9            18446744073709551615 7         
192.0.2.2:80         0        
`,
  others: `Timeout (tcp tcpfin udp): 900 120 300
master sync daemon (mcast=eth0, syncid=1, maxlen=1472, group=224.0.0.81, port=8848, ttl=1)
backup sync daemon (mcast=eth1, syncid=0)
`,
}
