"""What can go wrong upstream, row by row: the fault, and what becomes of the attempt that meets it.

The numbers are those of the project's catalogue of failures. A row stands in `FAULTS`, in
`PROVEN_ELSEWHERE` (where a test of its own says more), or in both.
"""

from dataclasses import dataclass

FORMATS = {"messages": "anthropic-compatible", "chat": "openai-compatible", "responses": "openai", "gemini": "gemini"}
BOTH = ("stream", "whole")


@dataclass(frozen=True)
class Fault:
    """One way to fail. `path` is a fault of the scripted upstream, or `!NAME` for a place that is none."""

    row: int
    path: str
    kind: str
    """How the attempt ends: a kind of failure, or "ok"."""
    whole: str = ""
    """How it ends when no stream was asked for, where that is another way."""
    modes: tuple = BOTH
    formats: tuple = tuple(FORMATS)
    text: str = "Hello"
    """What the client reads when the attempt is "ok"."""
    goes_on: bool = True
    """False where nobody may go on with what was sent."""
    blank: bool = False
    """The request is so large that it does not fit into the sockets' buffers."""

    def ends(self, mode):
        return self.whole if self.whole and mode == "whole" else self.kind


FAULTS = [
    Fault(1, "!unknown-name", "unreachable"),
    Fault(2, "!name-server-hangs", "timed_out"),
    Fault(3, "!closed-port", "unreachable"),
    Fault(4, "!full-backlog", "timed_out"),
    Fault(5, "!tls-nobody-signed", "unreachable"),
    Fault(5, "!tls-of-a-plain-port", "unreachable"),
    Fault(6, "rst", "unreachable"),
    Fault(6, "close", "unreachable"),
    Fault(7, "stale", "ok"),
    Fault(10, "!never-reads", "timed_out", blank=True),
    Fault(11, "redirect", "garbled"),
    Fault(12, "!port-99999", "unreachable"),
    Fault(12, "!half-a-bracket", "unreachable"),
    Fault(12, "!ftp", "unreachable"),
    Fault(12, "!nul", "unreachable"),
    Fault(12, "!half-a-surrogate", "unreachable"),
    Fault(14, "hang", "timed_out"),
    Fault(15, "hdrhang", "timed_out"),
    Fault(16, "cut0", "unreachable"),
    Fault(17, "cutstart", "unreachable"),
    Fault(18, "cutrst", "interrupted", "unreachable"),
    Fault(19, "cuttool", "interrupted", "unreachable", goes_on=False),
    Fault(20, "cutclose", "interrupted", "garbled"),
    Fault(21, "cutlen", "interrupted", "unreachable"),
    Fault(22, "badchunk/30", "interrupted", "unreachable"),
    Fault(22, "garbage", "garbled"),
    Fault(22, "nothttp", "unreachable"),
    Fault(22, "hdr200k", "unreachable"),
    Fault(23, "sse_error_first", "overloaded"),
    Fault(24, "sse_error_mid/30", "interrupted", "overloaded"),
    Fault(25, "err200", "overloaded"),
    Fault(26, "html200", "garbled"),
    Fault(26, "html502", "overloaded"),
    Fault(27, "jsonforsse", "ok"),
    Fault(27, "sseforjson", "ok"),
    Fault(28, "bare/204", "garbled"),
    Fault(28, "bare/206", "garbled"),
    Fault(28, "bare/101", "garbled"),
    Fault(28, "interim", "unreachable"),
    Fault(28, "hints/103", "ok"),
    Fault(28, "empty200", "garbled"),
    Fault(29, "status/429/retry-after/7", "rate_limited"),
    Fault(30, "status/529", "overloaded"),
    Fault(30, "status/503", "overloaded"),
    Fault(31, "toolong", "too_long"),
    Fault(32, "status/401", "refused_key"),
    Fault(33, "status/413", "too_long"),
    Fault(34, "badevent/150", "interrupted", "garbled"),
    Fault(34, "wrongtypes/first", "garbled"),
    Fault(34, "wrongtypes/mid", "interrupted", "garbled"),
    Fault(34, "oddevent", "ok", formats=("chat", "responses", "gemini")),
    Fault(34, "oddevent", "ok", modes=("whole",), formats=("messages",)),
    Fault(35, "giantline", "interrupted", "garbled"),
    Fault(36, "bomb", "garbled"),
    Fault(36, "packed/gzip", "ok"),
    Fault(38, "drip", "ok"),
    Fault(38, "pinghang", "timed_out"),
    Fault(38, "silent/30", "interrupted", "timed_out"),
    # Gemini has no last event: only the end of its stream ends it.
    Fault(41, "overtime", "ok", modes=("stream",), formats=("messages", "chat", "responses")),
    *(Fault(42, f"framed/{how}", "ok") for how in ("cr", "crlf", "bom", "comments", "bytes")),
    Fault(43, "badutf8", "ok", text="Hel\ufffd\ufffdlo"),
    Fault(44, "injected/0d", "unreachable"),
    Fault(44, "injected/00", "unreachable"),
    Fault(44, "injected/0a", "ok"),
]

HERE = "tests/proxy/test_fault_matrix.py"
PROVEN_ELSEWHERE = {
    2: [f"{HERE}::test_02_a_name_server_that_hangs_holds_up_nobody_else"],
    7: [f"{HERE}::test_07_connections_that_were_closed_in_silence_cost_nothing"],
    8: ["tests/proxy/test_slots.py::test_a_full_provider_hands_its_requests_to_the_next_target"],
    9: [
        "tests/proxy/test_slots.py::test_ten_thousand_cancelled_calls_leave_every_slot_usable",
        "tests/proxy/test_slots.py::test_three_hundred_clients_that_leave_lose_no_slot",
    ],
    11: [f"{HERE}::test_11_nobody_follows_a_redirect"],
    12: [
        "tests/providers/test_validators.py::test_bad_base_urls",
        "tests/providers/test_client.py::test_an_address_or_header_that_cannot_be_sent_is_a_failure_without_its_text",
    ],
    13: ["tests/providers/test_client.py::test_proxy_variables_mean_nothing"],
    19: ["tests/proxy/test_sweep.py::test_a_stream_cut_at_every_byte"],
    29: ["tests/providers/outbound/test_retry_after.py::test_the_wait_that_is_asked_for"],
    31: ["tests/providers/outbound/test_wordings.py::test_the_wording_claude_code_acts_on"],
    32: ["tests/proxy/test_engine_health.py::test_a_refused_key_is_not_asked_again"],
    34: [f"{HERE}::test_34_an_event_of_an_unknown_kind_passes_the_native_path"],
    37: [f"{HERE}::test_37_a_client_that_does_not_read_stops_the_upstream"],
    39: [
        "tests/proxy/test_engine.py::test_pings_keep_a_waiting_client_alive",
        "tests/acceptance/test_acceptance_service.py::test_18_pings_in_silence",
    ],
    40: [f"{HERE}::test_40_an_upstream_that_goes_on_holds_nobody"],
    42: ["tests/providers/wire/test_sse.py::test_events_do_not_depend_on_the_cuts"],
}

SERVED = "tests/ccmsite"
SERVICE = {
    79: ["tests/proxy/test_log_faults.py::test_a_locked_database_costs_no_row"],
    80: ["tests/proxy/test_log_faults.py::test_a_full_disk_costs_no_row"],
    81: [
        f"{SERVED}/test_postgres_outage.py::test_81_known_keys_are_served_while_postgres_is_away_but_not_for_ever",
        f"{SERVED}/test_postgres_outage.py::test_81_a_server_starts_while_postgres_is_down",
        f"{SERVED}/test_serve_without_database.py::test_the_server_starts_without_its_database_and_serves_when_it_is_back",
        "tests/proxy/test_log_faults.py::test_a_read_only_database_costs_no_row",
        "tests/proxy/test_log_faults.py::test_a_deleted_database_costs_no_row_from_then_on",
        "tests/proxy/test_snapshot.py::test_a_snapshot_that_nobody_confirms_gets_old",
    ],
    82: [
        "tests/proxy/test_logbook.py::test_the_queue_is_bounded",
        "tests/proxy/test_spill.py::test_bodies_are_dropped_before_rows_and_both_are_counted",
    ],
    83: [
        "tests/proxy/test_log_rows.py::test_a_poison_row_costs_none_of_its_batch",
        "tests/proxy/test_log_rows.py::test_a_body_that_the_database_refuses_is_left_out",
    ],
    84: [f"{SERVED}/test_server_log.py::test_a_request_of_a_killed_server_is_open_and_then_lost"],
    85: [
        f"{SERVED}/test_server.py::test_sigterm_lets_streams_end",
        f"{SERVED}/test_server_log.py::test_a_long_request_of_a_server_that_ends_has_one_row",
        "tests/proxy/test_engine_ending.py::test_a_stream_that_has_begun_ends_with_an_error",
    ],
    86: [
        f"{SERVED}/test_postgres_outage.py::test_86_columns_are_added_while_requests_are_served",
        f"{SERVED}/test_server_straits.py::test_86_columns_are_added_while_requests_are_served",
    ],
    87: [f"{SERVED}/test_server_commands.py::test_nobody_is_left_in_the_queue_while_workers_drain"],
    88: [f"{SERVED}/test_postgres_outage.py::test_88_somebody_else_has_all_connections"],
    89: [f"{SERVED}/test_server_straits.py::test_89_a_redis_that_does_not_answer_holds_up_nobody"],
    90: [
        "tests/proxy/test_clock_jumps.py::test_90_a_request_in_flight_does_not_notice",
        "tests/proxy/test_clock_jumps.py::test_90_a_failed_target_cools_as_long_as_it_should",
        "tests/proxy/test_clock_jumps.py::test_90_rows_keep_the_order_in_which_they_were_written",
    ],
    91: [
        "tests/proxy/test_command_history.py::test_prunelogs_deletes_by_the_setting_in_batches",
        "tests/proxy/test_prune_beside_writer.py::test_91_the_log_is_written_while_it_is_pruned",
    ],
    92: [
        "tests/proxy/test_memory.py::test_92_no_bodies_are_kept_when_it_is_tight",
        "tests/proxy/test_memory.py::test_92_new_requests_are_sent_away_and_streams_are_kept",
        f"{SERVED}/test_server_straits.py::test_92_a_process_above_its_memory_limit_sends_requests_away_unread",
    ],
    93: [f"{SERVED}/test_watchdog.py::test_93_a_blocked_loop_is_told_with_its_stack"],
    94: [
        "tests/proxy/test_nth_await.py::test_a_stream_interrupted_anywhere",
        f"{SERVED}/test_server.py::test_a_late_exception_ends_the_connection",
        f"{SERVED}/test_light.py::test_a_view_that_raises_is_an_error_in_the_envelope",
    ],
    95: [f"{SERVED}/test_server_straits.py::test_95_without_file_descriptors_streams_live_and_it_recovers"],
}
"""The rows about the database, the log and the process, and what proves them."""
