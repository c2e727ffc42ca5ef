"""An example: a list of products that every open page sees change at once."""
