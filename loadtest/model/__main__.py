"""The command line of the stand-in model: serve it on loopback until interrupted."""

from __future__ import annotations

import argparse
import json
import socket
import sys

import uvicorn

from loadtest import model
from loadtest.model.distribution import Distribution
from loadtest.model.faults import FaultRates
from loadtest.model.plan import Planner
from loadtest.model.server import StandInModel

BACKLOG = 2048


def parser() -> argparse.ArgumentParser:
    """The options."""
    options = argparse.ArgumentParser(
        prog="python -m loadtest.model", description=model.__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    times = "a number, or uniform:LOW,HIGH, exponential:MEAN, lognormal:MEDIAN,SIGMA"
    options.add_argument("--port", type=int, default=0, help="default: a free one, which is printed")
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--first-token-s", type=Distribution.parse, default="0", metavar="DISTRIBUTION", help=times)
    options.add_argument("--tokens-per-s", type=Distribution.parse, default="0", metavar="DISTRIBUTION", help="0: as fast as it goes")
    options.add_argument("--tokens", type=Distribution.parse, default="40", metavar="DISTRIBUTION", help="length of a reply")
    options.add_argument(
        "--faults", type=FaultRates.parse, default="", metavar="RATES", help="429:0.01,500:0.01,hang:0.001,cut:0.01,slow:0.1"
    )
    options.add_argument("--retry-after-s", type=float, default=1.0, help="what a 429 says")
    options.add_argument("--max-concurrent", type=int, default=None, help="calls answered at once, more get a 429")
    options.add_argument("--quiet", action="store_true", help="print nothing but the base URL")
    return options


def main() -> None:
    """Print the base URL once calls are taken, at the end what was seen."""
    asked = parser().parse_args()
    planner = Planner(asked.seed, asked.first_token_s, asked.tokens_per_s, asked.tokens, asked.faults)
    stand_in = StandInModel(planner, max_concurrent=asked.max_concurrent, retry_after_s=asked.retry_after_s)
    with socket.create_server(("127.0.0.1", asked.port), backlog=BACKLOG) as listener:
        print(f"http://127.0.0.1:{listener.getsockname()[1]}/v1", flush=True)
        config = uvicorn.Config(
            stand_in, log_level="error", access_log=False, lifespan="off", ws="none", backlog=BACKLOG, timeout_graceful_shutdown=1
        )
        try:
            uvicorn.Server(config).run(sockets=[listener])
        except KeyboardInterrupt:
            sys.exit(0)
        finally:
            if not asked.quiet:
                print(json.dumps(stand_in.seen.as_json()), flush=True)


if __name__ == "__main__":
    main()
