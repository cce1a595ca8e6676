"""The pure core of routing: plain data in, plain data out, nothing of the database.

`tariff.compile_tariff` makes price arrays of contracts; `terms` holds what a decision is made of and what it answers;
`choice.choose` decides for one order, `solve.solve_backlog` for many together.

Below these: `options` and `subsets` list and divide the parcels of an order, `joint` looks at what they share;
`backlog` and `plans` are the same for many orders as arrays, `adjust` and `columns` find prices, `rounding`,
`improve` and `blocks` find plans. `instance`, `day` and `learning` do all of it for days from files, `played_world`
makes such days.
"""
