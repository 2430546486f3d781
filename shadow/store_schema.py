"""The tables of the result store. It must not know what is written into them.

JSON only: nothing in the file can be executed or unpickled. ``exchanges`` holds each stored exchange once,
however many signatures have it among their samples.
"""

SCHEMA = """
CREATE TABLE IF NOT EXISTS counts (
    feature TEXT NOT NULL, minute INTEGER NOT NULL, verdict TEXT NOT NULL, count INTEGER NOT NULL,
    PRIMARY KEY (feature, minute, verdict)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS signatures (
    id TEXT PRIMARY KEY, feature TEXT NOT NULL, route TEXT NOT NULL, status_pair TEXT NOT NULL,
    path TEXT NOT NULL, kind TEXT NOT NULL, severity TEXT NOT NULL, count INTEGER NOT NULL,
    first_seen REAL NOT NULL, last_seen REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS exchanges (id TEXT PRIMARY KEY, at REAL NOT NULL, content BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS samples (
    signature TEXT NOT NULL, slot INTEGER NOT NULL, exchange TEXT NOT NULL, PRIMARY KEY (signature, slot)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS samples_by_exchange ON samples (exchange);
CREATE INDEX IF NOT EXISTS exchanges_by_age ON exchanges (at);
"""

COUNT = """
INSERT INTO counts VALUES (?1, ?2, ?3, ?4)
ON CONFLICT (feature, minute, verdict) DO UPDATE SET count = count + excluded.count
"""

SEEN = """
INSERT INTO signatures VALUES (?, ?, ?, ?, ?, ?, ?, 1, ?, ?)
ON CONFLICT (id) DO UPDATE SET count = count + 1, severity = excluded.severity,
    first_seen = min(first_seen, excluded.first_seen), last_seen = max(last_seen, excluded.last_seen)
RETURNING count
"""

LIST = """
SELECT * FROM signatures WHERE (?1 IS NULL OR feature = ?1) ORDER BY last_seen DESC, id LIMIT ?2
"""

MINUTES = """
SELECT minute, verdict, sum(count) FROM counts
WHERE (?1 IS NULL OR feature = ?1) AND minute >= ?2 GROUP BY 1, 2 ORDER BY 1
"""

SAMPLES = """
SELECT content FROM exchanges JOIN samples ON exchange = exchanges.id
WHERE signature = ? ORDER BY at DESC, exchanges.id
"""

PRUNE = (
    "DELETE FROM counts WHERE minute < :oldest / 60",
    "DELETE FROM signatures WHERE last_seen < :oldest",
    """DELETE FROM signatures WHERE id IN
    (SELECT id FROM signatures ORDER BY last_seen DESC LIMIT -1 OFFSET :signatures)""",
    "DELETE FROM samples WHERE signature NOT IN (SELECT id FROM signatures)",
    "DELETE FROM exchanges WHERE at < :oldest OR id NOT IN (SELECT exchange FROM samples)",
)
"""Drops what is too old, signatures beyond the number kept, and exchanges that are nobody's sample."""

HALVE = """
DELETE FROM exchanges WHERE id IN
(SELECT id FROM exchanges ORDER BY at LIMIT (SELECT (count(*) + 1) / 2 FROM exchanges))
"""
"""Drops the older half of the stored exchanges."""

DANGLING = "DELETE FROM samples WHERE exchange NOT IN (SELECT id FROM exchanges)"
