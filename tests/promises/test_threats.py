"""Every threat of parts A (OAuth) and B (sign-in, sessions, web) of the catalogue is held by a test that is named here.

The tests themselves say what they prove; this keeps the list whole while they move.
"""

import ast
from functools import cache

import pytest

from tests.need import ROOT

HELD: dict[str, tuple[str, ...]] = {
    "A01": ("attacks/test_redirect_uri_mutants.py::test_no_mutant_is_redirected_to",),
    "A02": ("protocol/test_authorization_code.py::test_wrong_verifier_is_invalid_grant",),
    "A03": (
        "web/test_authorize_parameters.py::test_public_client_needs_a_challenge_at_authorize",
        "web/test_authorize_parameters.py::test_only_s256_is_taken",
        "protocol/test_authorization_code.py::test_verifier_without_a_challenge_is_refused",
    ),
    "A04": (
        "races/test_code_race.py::test_1000_codes_are_redeemed_once_by_eight_clients_racing_at_two_processes",
        "races/test_code_race.py::test_the_race_finds_a_store_that_checks_and_then_acts",
    ),
    "A05": (
        "protocol/test_authorization_code.py::test_code_of_another_client_is_invalid_grant_and_not_consumed",
        "protocol/test_authorization_code.py::test_code_is_bound_to_its_redirect_uri",
    ),
    "A06": (
        "web/test_authorize_response.py::test_iss_is_in_every_answer_success_or_error",
        "relying_party_demo/test_refusals.py::test_answer_of_another_issuer_is_refused_before_the_code_is_used",
    ),
    "A07": ("relying_party_demo/test_refusals.py::test_callback_in_another_browser_is_refused",),
    "A08": ("protocol/test_token_endpoint.py::test_password_and_implicit_grants_are_absent",),
    "A09": ("web/test_pages_browser.py::test_the_whole_way_to_the_app",),
    "A10": ("protocol/test_traces.py::test_log_of_a_full_run_names_nobody_and_nothing_secret",),
    "A11": ("web/test_pages_headers.py::test_every_redirect_after_a_post_is_303",),
    "A12": ("attacks/test_open_redirect.py::test_no_crafted_address_leads_to_an_unregistered_place",),
    "A13": (
        "web/test_pages_headers.py::test_every_answer_carries_every_header",
        "web/test_pages_browser.py::test_a_page_cannot_be_framed",
    ),
    "A14": (
        "races/test_refresh_race.py::test_500_refresh_tokens_have_one_successor_each_at_two_processes",
        "protocol/test_refresh_token.py::test_grace_ends_when_the_successor_is_used",
    ),
    "A15": (
        "protocol/test_refresh_token.py::test_refresh_token_is_bound_to_its_client",
        "protocol/test_refresh_token.py::test_refresh_looks_at_account_and_consent_again",
    ),
    "A16": (
        "protocol/test_refresh_token.py::test_offline_grant_has_an_absolute_end",
        "protocol/test_refresh_token.py::test_unused_rotating_token_dies_after_thirty_days",
    ),
    "A17": ("protocol/test_token_confusion.py::test_only_an_access_token_opens_userinfo",),
    "A18": (
        "protocol/test_dpop_proof.py::test_proof_is_used_once_for_each_key",
        "protocol/test_dpop_proof.py::test_proof_with_a_missing_or_wrong_claim_is_refused",
    ),
    "A19": ("protocol/test_client_metadata.py::test_nobody_chooses_their_own_credentials",),
    "A20": (
        "protocol/test_client_authentication.py::test_exactly_the_registered_method_is_accepted",
        "protocol/test_brute_force.py::test_too_many_refusals_are_429_with_retry_after_and_hit_nobody_else",
    ),
    "A21": ("domain/test_client_name.py::test_hostile_names_are_refused",),
    "A22": ("attacks/test_hostile_registration.py::test_hostile_documents_are_answered_and_lead_nowhere",),
    "A23": (
        "protocol/test_user_codes.py::test_1000_guesses_are_looked_at_five_times_a_browser_and_500_times_in_all",
        "web/test_pages_device.py::test_question_names_app_device_time_and_code_however_the_code_came",
    ),
    "A24": (
        "attacks/test_ssrf.py::test_no_hostile_host_in_any_notation_gets_a_connection",
        "attacks/test_ssrf.py::test_a_rebinding_name_server_is_asked_once_and_its_first_answer_is_connected_to",
        "attacks/test_ssrf.py::test_no_redirect_is_followed",
        "attacks/test_ssrf.py::test_the_canary_sees_a_connection_when_there_is_one",
    ),
    "A25": (
        "attacks/test_hostile_jwts_at_inputs.py::test_at_authorize_as_id_token_hint",
        "protocol/test_private_key_jwt.py::test_no_hostile_jwt_is_accepted_as_an_assertion",
        "protocol/test_request_object.py::test_hostile_request_objects_are_refused",
        "crypto/test_dpop.py::test_hostile_proofs_are_refused",
    ),
    "A26": ("attacks/test_hostile_jwts_at_inputs.py::test_at_logout_as_id_token_hint",),
    "A27": ("attacks/test_competitors_cves.py::test_authlib_cve_2025_61920_a_huge_header_costs_nothing",),
    "A28": ("attacks/test_competitors_cves.py::test_authlib_cve_2026_27962_a_key_in_the_header_is_not_trusted",),
    "A29": ("web/test_pages_browser.py::test_a_form_of_another_site_signs_nobody_out",),
    "A30": (
        "web/test_authorize_prompt.py::test_prompt_none_never_shows_a_page",
        "web/test_authorize_prompt.py::test_prompt_none_with_a_session_that_is_too_old_is_login_required",
    ),
    "A31": ("web/test_authorize_parameters.py::test_every_parameter_doubled_is_refused",),
    "A32": (
        "protocol/test_pushed_request.py::test_pushed_request_is_used_once",
        "protocol/test_pushed_request.py::test_foreign_try_does_not_use_it_up",
    ),
    "A33": (
        "web/test_authorize_response.py::test_form_post_is_a_page_that_posts_itself_escaped_and_uncached",
        "web/test_pages_browser.py::test_form_post_goes_by_itself_or_by_the_button",
    ),
    "A34": (
        "web/test_pages_headers.py::test_another_host_is_refused_without_redirect",
        "deploy/test_proxies.py::test_limits_count_the_address_the_proxy_saw_and_no_claimed_one",
    ),
    "A35": ("web/test_page_protection.py::test_pages_and_introspection_have_no_cors",),
    "A36": ("protocol/test_introspection.py::test_tokens_of_others_and_nonsense_are_exactly_inactive",),
    "A37": ("protocol/test_discovery_walk.py::test_exactly_the_advertised_response_types_are_answered",),
    "A38": ("web/test_authorize_parameters.py::test_unknown_scopes_are_dropped_and_the_rest_is_granted",),
    "B01": (
        "web/test_pages_sign_in.py::test_after_ten_wrong_passwords_the_right_one_waits_and_the_page_says_429",
        "web/test_ops_attacks.py::test_300_guesses_of_the_code_have_five_looked_at_and_one_row_in_the_trail",
    ),
    "B02": ("services/test_password_work.py::test_500_sign_ins_at_once_take_the_memory_of_two",),
    "B03": (
        "promises/test_enumeration.py::test_2000_known_and_2000_unknown_names_cannot_be_told_apart_by_time",
        "web/test_ops_attacks.py::test_2000_names_of_staff_and_2000_of_nobody_cannot_be_told_apart_by_time",
    ),
    "B04": (
        "web/test_pages_sign_in.py::test_a_planted_session_cookie_is_never_signed_in",
        "web/test_pages_sign_in.py::test_a_pending_request_opens_only_in_the_browser_it_was_made_for",
        "web/test_ops_sign_in.py::test_each_step_has_a_session_of_its_own",
    ),
    "B05": (
        "web/test_pages_sign_in.py::test_cookies_on_https_have_the_host_prefix",
        "web/test_ops_attacks.py::test_a_copied_cookie_is_dead_once_its_owner_signs_out",
    ),
    "B06": ("web/test_pages_csrf.py::test_a_form_needs_its_own_token_and_no_foreign_origin",),
    "B07": (
        "web/test_page_protection.py::test_every_page_forbids_frames_referrers_caches_and_strangers",
        "web/test_ops_audit.py::test_what_an_app_declares_is_shown_escaped_and_linked_nowhere",
    ),
    "B08": ("web/test_pages_reset.py::test_one_code_opens_once_for_eight_racing_people",),
    "B09": (
        "races/test_staff_race.py::test_one_code_opens_one_session_of_eight_browsers_at_two_servers",
        "web/test_ops_sign_in.py::test_a_code_works_once_and_no_earlier_one_after_it",
    ),
    "B10": ("web/test_ops_roles.py::test_each_role_opens_its_pages_and_no_other",),
    "B11": ("attacks/test_smuggling.py::test_what_can_be_read_in_two_ways_is_not_answered_twice",),
    "B12": ("deploy/test_proxies.py::test_half_sent_requests_hold_no_thread_of_a_node",),
    "B13": (
        "web/test_pages_headers.py::test_a_body_past_64_kb_is_413",
        "deploy/test_proxies.py::test_too_large_requests_are_refused_and_never_a_5xx",
    ),
    "B14": (
        "attacks/test_fuzz.py::test_no_request_at_any_path_meets_a_server_error",
        "web/test_ops_attacks.py::test_garbage_in_every_field_of_every_page_is_no_server_error",
    ),
    "B15": ("deploy/test_outages.py::test_redis_away_for_half_minutes_costs_nobody_a_request",),
    "B16": ("web/test_pages_headers.py::test_every_answer_carries_every_header",),
    "B17": ("protocol/test_traces.py::test_log_of_a_full_run_names_nobody_and_nothing_secret",),
    "B18": (
        "web/test_pages_browser.py::test_axe_finds_nothing",
        "web/test_ops_browser.py::test_axe_finds_nothing",
    ),
}
EXPECTED = {f"A{number:02}" for number in range(1, 39)} | {f"B{number:02}" for number in range(1, 19)}


@cache
def _tests_of(file: str) -> frozenset[str]:
    path = ROOT / "tests" / file
    if not path.is_file():
        return frozenset()
    nodes = ast.walk(ast.parse(path.read_text("utf-8")))
    return frozenset(node.name for node in nodes if isinstance(node, ast.FunctionDef))


def test_no_threat_is_left_out() -> None:
    assert HELD.keys() == EXPECTED
    assert all(HELD.values())


@pytest.mark.parametrize("threat", sorted(HELD))
def test_the_named_tests_exist(threat: str) -> None:
    missing = []
    for test in HELD[threat]:
        file, _, name = test.partition("::")
        if not name.startswith("test_") or name not in _tests_of(file):
            missing.append(test)
    assert missing == []
