"""One small file per proxy: what it is told, and how it starts.

Every one splits 90/10 by the session cookie.
"""

from bench.peers.banyan import BANYAN
from bench.peers.direct import DIRECT, upstreams
from bench.peers.envoy import ENVOY
from bench.peers.haproxy import HAPROXY
from bench.peers.model import Peer, Rig
from bench.peers.nginx import NGINX
from bench.peers.recipe import RECIPE

PEERS: tuple[Peer, ...] = (*DIRECT, *NGINX, *HAPROXY, *ENVOY, *BANYAN, *RECIPE)

__all__ = ["PEERS", "Peer", "Rig", "upstreams"]
