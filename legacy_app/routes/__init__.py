"""The addresses, one file for each group; every file offers one blueprint called `routes`."""
