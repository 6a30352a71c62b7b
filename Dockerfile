# netui in a container, on Debian's own libraries: make dist, then docker build -t netui .
# README, "In a container", has the flags with which it sees the host.
FROM debian:forky-slim
COPY dist/netui_*+forky_all.deb /tmp/
RUN apt-get update -qq \
  && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    /tmp/netui_*+forky_all.deb iproute2 iptables nftables ipset \
  && rm -rf /var/lib/apt/lists/* /tmp/netui_*
ENTRYPOINT ["netui"]
