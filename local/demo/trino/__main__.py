"""`make demo-trino`."""

import signal
import sys

if __name__ == "__main__":
    # Until there is something to clean up, Ctrl-C simply ends it: the imports take a second.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    from local.demo.trino.command import main

    sys.exit(main(sys.argv[1:]))
