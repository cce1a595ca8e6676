"""The platforms played on loopback: selling platforms, a Qimen warehouse, Alipay's bill service, couriers, over HTTP.

    manage.py sandbox  ->  gunicorn  ->  wsgi.create_app
                                           |
      platforms/  qimen.py  alipay.py  cainiao.py  courier_doors.py  control_api.py
                                                       the doors: wire protocols, and the remote control of the play
                 |
      shop.py  warehouse.py  bill.py  waybills.py      what happens behind them; pusher.py tells us of it
                 |
      world.py (state, one lock)  store.py (SQLite)  agenda.py (what is due when)
                 |
      scenario.py  people.py  goods.py  trades.py      pure: who orders what, with which planted problems

Nothing here imports our models or needs our database: the sandbox knows of Order Center only what a platform knows.
Others use `control.SandboxControl` (remote control), `credentials.load_or_create` (keys both sides share) and the plain
data of `goods` and `people`.
"""
