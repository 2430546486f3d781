"""The other person in a conversation, behind one interface.

In the order data takes: `asks` (what is asked of a partner) → `choose` (which partner the
configuration names) → `offline` (pure, from `phrases`) or `gemini` (the network) → the reply.
`strengths` scores what the user said, for the feedback.
"""
