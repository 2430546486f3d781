"""The other person in a conversation, behind one interface.

In the order data takes: `asks` (what is asked, as values, and the interface) → `choose` (who
answers, by configuration) → `offline_partner` over `offline` and `phrases` (pure), or `gemini`
over `prompts` (the network) → the reply, or one of `errors`. `strengths` scores what was said.
"""
