"""The pure core of routing: plain data in, plain data out, nothing of the database.

`tariff.compile_tariff` makes price arrays of contracts; `terms` holds what a decision is made of and what it answers;
`choice.choose` decides for one order.
"""
