"""How good a run is, in numbers (`metrics`), pictures (`figures`), a page and a card.

`metrics` is pure arithmetic on arrays, `figures` draws PNG files from its result, `report`
collects both into a run's report folder, and `card` says the same for whoever gets the bundle.
"""
