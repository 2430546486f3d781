"""Where Envoy does not do what a test asks of this gateway, and why; for the page, and for whoever wonders.

Each explanation stands over the tests it explains. A test fails when Envoy's record has a miss that is not
explained here.
"""

from __future__ import annotations

from typing import NamedTuple


class Difference(NamedTuple):
    """``tests``: as ``module::test``, both without their ``test_``."""

    why: str
    tests: tuple[str, ...]


DIFFERENCES = (
    Difference(
        "Envoy refuses it too, with 501 where no coding but `chunked` is understood (RFC 9112 §6.1 allows "
        "both), or with 403, 404 or 426 for what it does not serve; here it is 400, 405, 501 or 505.",
        (
            "rule_04_host::what_is_no_method_is_refused",
            "rule_04_host::connect_and_trace_are_refused",
            "rule_06_framing_in::other_versions_are_refused",
            "rule_06_framing_in::transfer_encoding_in_http_1_0_is_refused",
            "rule_11_expect::another_expectation_is_refused",
        ),
    ),
    Difference(
        "Envoy unfolds a folded field, takes a bare LF for a line end and a bare CR for white space. RFC "
        "9112 §2.2 and §5.2 leave that open; two readers in a row that differ on it are a way to smuggle. "
        "Unknown codings it refuses too, with 501.",
        (
            "rule_06_framing_in::doubtful_framing_is_refused",
            "rule_06_framing_in::bare_line_feeds_are_refused",
            "rule_06_framing_in::a_bad_request_line_is_refused",
        ),
    ),
    Difference(
        "Envoy joins two Host fields to one value, and takes an empty Host, one with user info, and one "
        "with an odd port or bracket; RFC 9112 §3.2 asks for 400. A proxy behind it may read another host.",
        ("rule_04_host::a_bad_host_is_refused",),
    ),
    Difference(
        "Envoy passes a length on as it is spelled, leading zeros too, and fields whose underscores some "
        "servers read as hyphens (it can be told to drop those).",
        (
            "rule_06_framing_in::a_length_goes_out_as_one_number",
            "rule_06_framing_in::a_second_framing_in_disguise_does_not_pass",
        ),
    ),
    Difference(
        "Envoy reads trailers and drops them without looking at what they say; framing and routing in one "
        "are refused here (RFC 9110 §6.5.1).",
        ("rule_06_framing_in::framing_in_a_trailer_is_refused",),
    ),
    Difference(
        "Envoy ends a chunk's line at a bare LF, or passes over what follows its size.",
        ("rule_06_framing_in::a_bad_chunk_is_refused_and_the_upstream_aborted",),
    ),
    Difference(
        "The same cases as above, and Envoy's own: it serves a fragment, bytes beyond ASCII and white space"
        " in a chunk's extension differently; it answers HTTP/1.0 in HTTP/1.0; it closes an idle connection"
        " only after its own grace, and reads `/` for `OPTIONS *` as a path without a route.",
        (
            "corpora::invalid_is_refused",
            "corpora::valid_is_served_or_refused_by_a_named_rule",
        ),
    ),
    Difference(
        "Envoy passes `TE`, `Trailer` and `Proxy-Authorization` on and adds fields of its own; RFC 9110 "
        "§7.6.1 ends the first two at this hop.",
        (
            "rule_01_hop_by_hop::fields_of_one_connection_do_not_reach_the_upstream",
            "rule_01_hop_by_hop::connection_removes_nothing_of_ours",
            "rule_01_hop_by_hop::fields_of_the_upstreams_connection_do_not_reach_the_client",
            "rule_12_trailers::trailers_of_a_request_are_dropped",
            "rule_12_trailers::trailers_of_an_answer_are_dropped",
        ),
    ),
    Difference(
        "Envoy drops informational answers but for 100, which it passes on; RFC 9110 §15.2 lets a proxy "
        "drop only those that it asked for itself.",
        (
            "rule_01_hop_by_hop::an_interim_answer_loses_them_too",
            "rule_10_interim::103_is_forwarded_before_the_answer",
            "rule_10_interim::102_and_unknown_ones_are_forwarded_but_not_100",
            "rule_10_interim::an_informational_answer_has_no_length",
            "rule_10_interim::http_1_0_clients_get_none",
            "rule_10_interim::what_an_informational_answer_says_of_a_body_is_not_so",
            "rule_07_framing_back::informational_answers_have_a_bound",
            "rule_13_retries::never_after_a_byte_of_the_answer",
        ),
    ),
    Difference(
        "Envoy takes a second Content-Type for a list, and a second Date as well.",
        (
            "rule_02_unknown_fields::a_field_that_two_readers_may_take_two_of_is_refused",
            "rule_19_date_server_cookies::a_missing_date_is_added_and_a_second_one_dropped",
        ),
    ),
    Difference(
        "Envoy refuses a `#` anywhere in a target with 400, and bytes beyond ASCII; here the one passes "
        "behind a `?`, where every reader sees the same path, and the others everywhere, as they came.",
        (
            "rule_03_target::path_and_query_go_out_as_they_came_in",
            "rule_03_target::the_router_reads_the_bytes_that_are_forwarded",
            "fuzz::requests",
        ),
    ),
    Difference(
        "Envoy does not take a URL without a path but with a query for `/?query`.",
        ("rule_03_target::an_absolute_target_is_forwarded_in_origin_form",),
    ),
    Difference(
        "Envoy adds a Host of its configuration to HTTP/1.0, has no rule for `OPTIONS *`, has a list of "
        "methods, and passes user info in a URL.",
        (
            "rule_03_target::any_line_is_read_wherever_it_stands_and_wherever_a_read_ends",
            "rule_04_host::http_1_0_without_host_gets_the_address_it_came_to",
            "rule_04_host::options_of_everything_is_answered_here",
            "rule_04_host::options_of_a_host_without_a_path_asks_for_everything_too",
            "rule_04_host::less_usual_methods_pass",
            "rule_04_host::an_absolute_target_overrides_host",
        ),
    ),
    Difference(
        "Envoy answers 404 for a host that none of its routes names, RFC 9110 §15.5.20 has 421 for it.",
        (
            "rule_04_hosts_served::a_request_of_http_1_0_that_names_no_host_is_served",
            "rule_04_hosts_served::any_other_host_is_misdirected",
        ),
    ),
    Difference(
        "Envoy adds `Via` by configuration and looks at none: loops and Max-Forwards are not its affair.",
        (
            "rule_05_loops::a_body_behind_a_refused_request_is_never_read_as_a_request",
            "rule_05_loops::a_loop_ends_within_one_hop",
            "rule_05_loops::a_repeated_max_forwards_is_refused",
            "rule_05_loops::a_request_that_was_here_is_refused",
            "rule_05_loops::hundreds_of_looping_requests_behind_one_that_waits_are_each_refused",
            "rule_05_loops::max_forwards_is_counted_down_for_options_and_answered_at_zero",
            "rule_05_loops::via_is_added_in_both_directions",
        ),
    ),
    Difference(
        "Envoy passes an answer with bare line ends, a folded field, a bare CR, an odd status or a switch "
        "of protocol that nobody asked for; for what it refuses itself it says 503 where nothing was read.",
        (
            "rule_07_framing_back::a_broken_answer_becomes_502",
            "rule_10_interim::101_without_a_request_for_it_is_an_error",
            "rule_14_upgrade::a_switch_to_another_protocol_than_asked_for_is_an_error",
            "fuzz::any_bytes_as_an_answer",
        ),
    ),
    Difference(
        "An answer that only the close ends: Envoy takes a reset for its end too, and ends a cut answer to "
        "HTTP/1.0 with a close in good order, so that it looks whole.",
        (
            "rule_08_truncation::a_reset_is_no_end_of_an_answer_that_only_the_close_ends",
            "rule_08_truncation::to_http_1_0_a_cut_answer_ends_with_a_reset",
            "rule_08_truncation::a_client_of_http_1_0_that_closes_its_half_sees_a_reset",
            "rule_11_expect::an_early_answer_that_was_cut_off_is_no_answer",
        ),
    ),
    Difference(
        "Envoy sends 100 before it looks at the request's size, and to a request without a body too.",
        (
            "rule_11_expect::a_refusal_does_not_ask_for_the_body",
            "rule_11_expect::http_1_0_and_requests_without_a_body_get_no_100",
        ),
    ),
    Difference(
        "An application that answers before it has read the whole request, and closes: Envoy says 503 in "
        "the place of what it answered.",
        (
            "rule_11_expect::an_early_final_answer_is_not_lost_on_a_connection_that_has_idled",
            "rule_11_expect::an_early_final_answer_is_not_lost_with_the_connection_behind_it",
        ),
    ),
    Difference(
        "Retries are off unless a route asks for them, and then do not tell methods apart: a stale "
        "connection is 503.",
        (
            "rule_13_retries::a_connection_that_rested_is_asked_for_again_on_the_same_side",
            "rule_13_retries::a_fresh_connection_that_closes_is_not_tried_again_on_the_same_side",
            "rule_13_retries::a_stale_connection",
            "rule_13_retries::at_most_a_fifth_of_what_is_active_may_be_repeats",
            "rule_13_retries::it_is_repeated_once_at_most",
            "rule_13_retries::a_request_that_was_never_written_is_written_elsewhere_whatever_its_method",
            "rule_15_leaving::an_upstream_that_is_slow_to_accept_the_end_holds_nothing",
            "rule_21_keep_alive::an_upstream_that_announces_the_end_is_not_asked_again",
        ),
    ),
    Difference(
        "Envoy takes an Upgrade in HTTP/1.0, beside a body, and in a list with h2c, and passes a handshake's "
        "length on; behind a refused handshake it closes.",
        (
            "rule_14_upgrade::a_chunked_body_behind_a_refused_upgrade_is_never_read_as_a_request",
            "rule_14_upgrade::a_handshake_that_says_it_has_no_body_passes",
            "rule_14_upgrade::hundreds_of_handshakes_that_are_refused_here_are_each_answered",
            "rule_14_upgrade::an_upgrade_in_http_1_0_is_ignored",
            "rule_14_upgrade::another_upgrade_is_not_forwarded",
            "rule_14_upgrade::what_a_refused_handshake_carried_is_the_next_request",
        ),
    ),
    Difference(
        "Envoy has one limit for silence, whoever is silent: none for events apart, none for a body's rate,"
        " and it gives nobody up who takes nothing.",
        (
            "rule_17_streams::events_may_have_nothing_to_say_for_longer",
            "deadlines::a_body_that_comes_too_slowly_is_408",
            "deadlines::an_upload_that_nobody_takes_is_given_up",
            "deadlines::a_tunnel_whose_one_end_takes_nothing_is_given_up",
        ),
    ),
    Difference(
        "Where an application takes no more, Envoy reads no more either, and does not see within the test's "
        "patience that the client has left, or does not pass on what it sent before.",
        (
            "rule_15_leaving::a_client_that_crashes_ends_a_tunnel_whose_application_takes_no_more",
            "rule_15_leaving::a_client_that_leaves_is_missed_although_the_application_takes_no_more",
            "rule_15_leaving::a_client_that_leaves_is_missed_behind_all_that_it_sent_ahead",
            "rule_15_leaving::a_client_that_left_holds_no_tunnel_whose_application_hangs",
            "rule_15_leaving::what_a_client_sent_before_it_left_still_goes_through_a_tunnel",
        ),
    ),
    Difference(
        "Envoy asks the system to look for peers that vanished only where it is told to.",
        ("rule_14_upgrade::a_peer_that_vanishes_without_a_word_is_asked_for",),
    ),
    Difference(
        "Beyond its limits Envoy closes a connection without an answer, or answers without Retry-After.",
        (
            "deadlines::a_full_pool_lets_wait_and_then_refuses",
            "deadlines::too_many_connections_are_told_so",
        ),
    ),
    Difference(
        "Envoy bounds the head as a whole (431), takes a hundred fields of an answer, and has further "
        "filters for bodies; there is no limit for one field, the request line or framing.",
        (
            "rule_07_framing_back::hundreds_of_fields_pass",
            "rule_07_framing_back::what_is_no_body_has_a_bound",
            "limits::a_body_with_a_length",
            "limits::a_chunked_body_is_refused_in_mid_stream_and_the_upstream_aborted",
            "limits::a_chunked_body_that_grows_past_the_limit_after_the_answer_began_cuts_it",
            "limits::framing_may_not_outweigh_the_body",
            "limits::one_field",
            "limits::request_line",
            "limits::requests_of_nothing_but_line_ends_have_a_bound",
            "limits::the_body_that_one_side_takes",
            "limits::trailers_count_as_fields",
        ),
    ),
    Difference(
        "Envoy's own answers are plain text, also to a HEAD that it cannot read, and 503 where nobody could "
        "be reached or nothing came.",
        (
            "rule_09_no_body::the_refusal_of_a_head_request_has_none",
            "rule_09_no_body::the_refusal_of_what_comes_behind_a_head_request_has_a_body",
            "rule_18_gateway_answers::a_head_request_gets_no_body",
            "rule_18_gateway_answers::broken_is_502",
            "rule_18_gateway_answers::refusals",
            "rule_18_gateway_answers::too_slow_is_504",
            "rule_18_gateway_answers::unreachable_is_502",
        ),
    ),
    Difference(
        "Made for two sides of one application: a proxy without sides has no such thing.",
        (
            "rule_14_frames::a_rollback_at_any_moment_ends_between_two_frames",
            "rule_14_upgrade::a_dial_to_0_closes_with_1012_and_a_lower_one_does_not",
            "rule_14_upgrade::a_handshake_under_way_at_a_rollback_is_closed_with_1012",
            "rule_20_caches::a_private_field_does_not_make_the_answer_private",
            "rule_20_caches::an_answer_with_a_minted_cookie_is_private",
            "rule_20_caches::between_the_ends_of_the_dial_it_varies_with_the_cookie",
            "rule_20_caches::the_upstreams_own_vary_stays",
            "rule_22_location::the_upstreams_own_address_is_rewritten",
            "trust::the_mark_of_the_shadow_is_taken_from_clients",
        ),
    ),
    Difference(
        "Envoy says who asked with fewer fields (no `Forwarded`), passes some spellings of them on unless "
        "told otherwise, and makes ids of another form.",
        (
            "trust::a_location_becomes_the_address_that_the_trusted_proxy_names",
            "trust::a_trusted_proxy_is_believed_and_its_chain_continued",
            "trust::an_address_beside_the_trusted_network_is_not_trusted",
            "trust::claims_of_anybody_are_removed_in_every_spelling",
            "trust::ids_are_taken_over_only_when_they_are_ids",
            "trust::what_is_said_of_an_untrusted_client",
        ),
    ),
)


def explained() -> dict[str, str]:
    """The explanation of each test, as ``module::test`` with their whole names."""
    return {"test_" + test.replace("::", "::test_"): each.why for each in DIFFERENCES for test in each.tests}
