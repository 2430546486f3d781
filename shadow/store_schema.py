"""The tables of the result store, and what is said to them. It must not know what is written into them.

JSON only: nothing in the file can be executed or unpickled. ``exchanges`` holds each stored exchange once,
however many signatures (or rules: ``rule:ID``) have it among their samples. New tables may be added, those
that are there stay as they are: a file outlives the program that began it.
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
CREATE TABLE IF NOT EXISTS signature_versions (
    signature TEXT NOT NULL, version TEXT NOT NULL, count INTEGER NOT NULL,
    first_seen REAL NOT NULL, last_seen REAL NOT NULL, PRIMARY KEY (signature, version)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS signature_slots (
    signature TEXT NOT NULL, slot INTEGER NOT NULL, count INTEGER NOT NULL, PRIMARY KEY (signature, slot)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS acknowledged (
    signature TEXT PRIMARY KEY, until REAL NOT NULL, actor TEXT NOT NULL, reason TEXT NOT NULL,
    at REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS rule_hits (
    rule TEXT NOT NULL, feature TEXT NOT NULL, path TEXT NOT NULL, kind TEXT NOT NULL,
    count INTEGER NOT NULL, first_seen REAL NOT NULL, last_seen REAL NOT NULL,
    PRIMARY KEY (rule, feature, path, kind)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS noise_runs (
    feature TEXT NOT NULL, route TEXT NOT NULL, runs INTEGER NOT NULL, last_seen REAL NOT NULL,
    PRIMARY KEY (feature, route)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS noise (
    feature TEXT NOT NULL, route TEXT NOT NULL, path TEXT NOT NULL, kind TEXT NOT NULL,
    control INTEGER NOT NULL, candidate INTEGER NOT NULL, same_format INTEGER NOT NULL,
    last_seen REAL NOT NULL, PRIMARY KEY (feature, route, path, kind)
) WITHOUT ROWID;
"""

SLOT_SECONDS = 600
"""Occurrences of a signature are counted by slots of this length, for its trend."""
SLOTS_KEPT = 288
"""Two days of them."""

COUNT = """
INSERT INTO counts VALUES (?1, ?2, ?3, ?4)
ON CONFLICT (feature, minute, verdict) DO UPDATE SET count = count + excluded.count
"""

SEEN = """
INSERT INTO signatures VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE SET count = count + excluded.count, severity = excluded.severity,
    first_seen = min(first_seen, excluded.first_seen), last_seen = max(last_seen, excluded.last_seen)
RETURNING count
"""

SEEN_SLOT = """
INSERT INTO signature_slots VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET count = count + excluded.count
"""

SEEN_VERSION = """
INSERT INTO signature_versions VALUES (?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET count = count + excluded.count,
    first_seen = min(first_seen, excluded.first_seen), last_seen = max(last_seen, excluded.last_seen)
"""

ACKNOWLEDGE = "INSERT OR REPLACE INTO acknowledged VALUES (?, ?, ?, ?, ?)"

HIT = """
INSERT INTO rule_hits VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET count = count + excluded.count, last_seen = max(last_seen, excluded.last_seen)
"""

RUNS = """
INSERT INTO noise_runs VALUES (?, ?, ?, ?)
ON CONFLICT DO UPDATE SET runs = runs + excluded.runs, last_seen = max(last_seen, excluded.last_seen)
"""

NOISE = """
INSERT INTO noise VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET control = control + excluded.control, candidate = candidate + excluded.candidate,
    same_format = same_format + excluded.same_format, last_seen = max(last_seen, excluded.last_seen)
"""

LIST = """
SELECT signatures.*,
    coalesce((SELECT version FROM signature_versions
              WHERE signature = id ORDER BY first_seen, version LIMIT 1), ''),
    coalesce((SELECT version FROM signature_versions
              WHERE signature = id ORDER BY last_seen DESC, version LIMIT 1), ''),
    coalesce((SELECT sum(count) FROM signature_slots WHERE signature = id AND slot > ?3 - 6), 0),
    coalesce((SELECT sum(count) FROM signature_slots
              WHERE signature = id AND slot <= ?3 - 6 AND slot > ?3 - 12), 0),
    coalesce((SELECT until FROM acknowledged WHERE signature = id), 0.0),
    coalesce((SELECT actor FROM acknowledged WHERE signature = id), ''),
    coalesce((SELECT reason FROM acknowledged WHERE signature = id), '')
FROM signatures WHERE (?1 IS NULL OR feature = ?1) ORDER BY last_seen DESC, id LIMIT ?2
"""

MINUTES = """
SELECT minute, verdict, sum(count) FROM counts
WHERE (?1 IS NULL OR feature = ?1) AND minute >= ?2 GROUP BY 1, 2 ORDER BY 1
"""

SAMPLES = """
SELECT content FROM exchanges JOIN samples ON exchange = exchanges.id
WHERE signature = ? ORDER BY at DESC, exchanges.id
"""

STORED = "SELECT content FROM exchanges ORDER BY at DESC, id LIMIT ?"

HITS = "SELECT * FROM rule_hits ORDER BY rule, count DESC, feature, path, kind"

NOISY = """
SELECT noise.feature, noise.route, path, kind, control, candidate, same_format, runs
FROM noise JOIN noise_runs ON noise.feature = noise_runs.feature AND noise.route = noise_runs.route
WHERE (?1 IS NULL OR noise.feature = ?1)
ORDER BY control DESC, noise.feature, noise.route, path, kind LIMIT ?2
"""

PRUNE = (
    "DELETE FROM counts WHERE minute < :oldest / 60",
    "DELETE FROM signatures WHERE last_seen < :oldest",
    """DELETE FROM signatures WHERE id IN
    (SELECT id FROM signatures ORDER BY last_seen DESC LIMIT -1 OFFSET :signatures)""",
    "DELETE FROM rule_hits WHERE last_seen < :oldest",
    """DELETE FROM rule_hits WHERE (rule, feature, path, kind) IN
    (SELECT rule, feature, path, kind FROM rule_hits ORDER BY last_seen DESC LIMIT -1 OFFSET :signatures)""",
    "DELETE FROM noise WHERE last_seen < :oldest",
    """DELETE FROM noise WHERE (feature, route, path, kind) IN
    (SELECT feature, route, path, kind FROM noise ORDER BY last_seen DESC LIMIT -1 OFFSET :signatures)""",
    "DELETE FROM noise_runs WHERE last_seen < :oldest",
    "DELETE FROM signature_slots WHERE slot < :slot OR signature NOT IN (SELECT id FROM signatures)",
    "DELETE FROM signature_versions WHERE signature NOT IN (SELECT id FROM signatures)",
    "DELETE FROM acknowledged WHERE until < :oldest",
    """DELETE FROM samples WHERE signature NOT IN (SELECT id FROM signatures)
    AND substr(signature, 6) NOT IN (SELECT rule FROM rule_hits)""",
    "DELETE FROM exchanges WHERE at < :oldest OR id NOT IN (SELECT exchange FROM samples)",
)
"""Drops what is too old, what is beyond the number kept, and exchanges that are nobody's sample."""

HALVE = """
DELETE FROM exchanges WHERE id IN
(SELECT id FROM exchanges ORDER BY at LIMIT (SELECT (count(*) + 1) / 2 FROM exchanges))
"""
"""Drops the older half of the stored exchanges."""

DANGLING = "DELETE FROM samples WHERE exchange NOT IN (SELECT id FROM exchanges)"
