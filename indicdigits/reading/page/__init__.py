"""From a picture of a page to the ink of its lines, upright, in reading order.

`corners` lays a photographed sheet flat, `ink` takes light and colour off, `upright` turns it,
`rules` takes ruled lines, boxes and combs out, `lines` finds what stands side by side, and `page`
calls them in this order.
"""
