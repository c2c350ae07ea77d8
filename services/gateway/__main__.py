"""python -m services.gateway server"""

from __future__ import annotations

import sys


def main(argv: list[str]) -> None:
    """Runs the HTTP edge until it is told to end."""
    from services.runtime.process import role_from

    role_from(argv, ("server",))
    import uvicorn

    from services.gateway.app import create_app
    from services.gateway.settings import GatewaySettings
    from services.runtime import telemetry

    settings = GatewaySettings()
    host, port = settings.address
    telemetry.set_up("gateway", "server", settings)

    class Announced(uvicorn.Server):
        async def startup(self, sockets: list[object] | None = None) -> None:  # type: ignore[override]  # narrower
            await super().startup(sockets)  # type: ignore[arg-type]  # uvicorn's own sockets, passed through
            if self.started:
                print(f"ready gateway server {port}", flush=True)

    config = uvicorn.Config(
        create_app(settings),
        host=host,
        port=port,
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=3,
    )
    Announced(config).run()


if __name__ == "__main__":
    main(sys.argv)
