"""Who may do what at the admin port: the table, the page that is made of it, and the real port held against
both.
"""
