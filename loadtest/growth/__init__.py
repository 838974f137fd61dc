"""Whether imcore's database operations cost the same at ten million messages as at ten thousand.

python -m loadtest.growth.measure --data-dir …                     costs at both sizes, in alternation; makes the databases if need be
python -m loadtest.growth.server --data-dir …                      a PostgreSQL whose data stays
python -m loadtest.growth.generate --database-url … --messages N   made-up conversations
python -m loadtest.growth.plans --database-url …                   the plan of every statement, exit 1 if one reads too much
"""
