"""The new application, mostly through its front door: a real process, a real port."""
