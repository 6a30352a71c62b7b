# netui in a container, on Debian's own libraries: make dist, then docker build -t netui .
# README, "In a container", has the flags with which it sees the host. It runs as root, for Docker gives NET_ADMIN to
# root alone; as any other user (--user) it reads captures and pasted rules.
FROM debian:forky-slim AS made
COPY dist/netui_*+forky_all.deb tools/slim.sh /tmp/
RUN apt-get update -qq \
  && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    /tmp/netui_*+forky_all.deb iproute2 iptables nftables ipset \
  && sh /tmp/slim.sh /image netui iproute2 iptables nftables ipset
FROM scratch
COPY --from=made /image /
ENV LANG=C.UTF-8 PATH=/usr/sbin:/usr/bin
ENTRYPOINT ["/usr/bin/netui"]
