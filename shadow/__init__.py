"""What differs between two answers to one request. Knows nothing of a proxy: any two answers can be compared.

The map, in the order data takes:

    model        RequestSnapshot, Observation: what was asked, and what each side answered
    session      SessionMirror: the copy for the other side carries its own cookies and values; settle(): what
                 a mismatch is worth when that state is not known
                 (cookies, jar, correlation, short_ids, lessons, missed, rewriting)
    mirror_book  MirrorBook: the mirrors of all sessions, and which one a request belongs to (mirror_state)
    comparer     compare(): the stages, and the conclusion
      pair         Pair: both answers made plain and read once
      coding       compressed bodies made plain
      head         status, content type, declared headers
      bodies       both bodies as values (media, parse, events, markup, attributes)
      rules        what is accepted: Rules (rule, profile, formats, paths, trie), load_rules (rules_file)
      unordered    lists whose order means nothing
      walk         where the values differ, and how (align)
      outline      what stands for values that are too long to be looked through for secrets
      excerpt      both values of a difference, short enough to be shown
    comparison   Comparison, Difference, in the words of verdict: Verdict, Kind, Severity
    targets      written_out(), hidden_in_path(): a target as people and rules read it
    redaction    Redactor: nothing below this line holds a secret (secret_names, secret_text, secret_markup,
                 secret_path, multipart)
    explain      Explainer: DeepDiff in a process that can be killed (explain_helper)
    result       ComparedExchange, and the signature that makes many mismatches one thing
    batch        Batch: what was found since it was last written down
    store        ResultStore: counts, signatures, samples (store_file, store_schema, signature)
    results      Results: what any store can do; stores (not offered here): the same in Redis
    noise        NoiseEvidence: where the control differs from itself, proposed as rules
    rule_use     lint_rules(): rules that are dead, too broad or expired
    report_line  mismatch_line(): the log line
    scratch      for applications: Scratch, in_shadow(), only_for_users(); wsgi and asgi: ShadowMode
    statistics   mismatch_rate(): how much the counts prove
"""

from shadow.batch import Batch, Occurrence
from shadow.coding import plain_observation, plain_request
from shadow.comparer import SAME, compare, compare_pair
from shadow.comparison import Comparison, Difference, undetermined
from shadow.explain import Explainer, subjects
from shadow.lessons import lessons
from shadow.mirror_book import IN_TWO, LEFT_OUT, MirrorBook
from shadow.model import SAFE_METHODS, Headers, Observation, RequestSnapshot, SideName
from shadow.noise import NoiseEvidence, as_rule, is_itself, rule_text
from shadow.pair import Pair, same_at_sight
from shadow.redaction import Redactor
from shadow.remembered import Remembered
from shadow.report_line import mismatch_line
from shadow.result import ComparedExchange, signature_ids, status_pair
from shadow.results import Results
from shadow.rule_use import RuleHit, RuleProblem, lint_rules
from shadow.rules import DEFAULT_RULES, Rules
from shadow.rules_file import RulesError, load_rules, parse_rules
from shadow.secret_path import BEFORE_A_SECRET, names_something, opens_something
from shadow.session import SessionMirror, settle, unframed
from shadow.shown import host_of
from shadow.signature import Signature, by_weight
from shadow.statistics import Rate, mismatch_rate, wilson
from shadow.store import ResultStore
from shadow.targets import hidden_in_path, written_out
from shadow.verdict import AGAINST_CONFIDENCE, Kind, Severity, Verdict

__all__ = [
    "AGAINST_CONFIDENCE",
    "BEFORE_A_SECRET",
    "DEFAULT_RULES",
    "IN_TWO",
    "LEFT_OUT",
    "SAFE_METHODS",
    "SAME",
    "Batch",
    "ComparedExchange",
    "Comparison",
    "Difference",
    "Explainer",
    "Headers",
    "Kind",
    "MirrorBook",
    "NoiseEvidence",
    "Observation",
    "Occurrence",
    "Pair",
    "Rate",
    "Redactor",
    "Remembered",
    "RequestSnapshot",
    "ResultStore",
    "Results",
    "RuleHit",
    "RuleProblem",
    "Rules",
    "RulesError",
    "SessionMirror",
    "Severity",
    "SideName",
    "Signature",
    "Verdict",
    "as_rule",
    "by_weight",
    "compare",
    "compare_pair",
    "hidden_in_path",
    "host_of",
    "is_itself",
    "lessons",
    "lint_rules",
    "load_rules",
    "mismatch_line",
    "mismatch_rate",
    "names_something",
    "opens_something",
    "parse_rules",
    "plain_observation",
    "plain_request",
    "rule_text",
    "same_at_sight",
    "settle",
    "signature_ids",
    "status_pair",
    "subjects",
    "undetermined",
    "unframed",
    "wilson",
    "written_out",
]
