"""How well a scoring model foretells what becomes of leads, and which weights would do better.

Needs the extra ``handraise[learn]`` (scikit-learn); nothing that scores imports it. Pure: samples
in, figures and proposals out. A person decides what becomes of a proposal.
"""
