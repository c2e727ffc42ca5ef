"""An example: a list of products that every open page sees change at once, and a login for those who add to it."""
