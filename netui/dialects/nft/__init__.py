"""nftables as ``nft -j list`` prints it (libnftables-json(5))."""
