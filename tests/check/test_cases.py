"""Every case passes at our server, and fails at one that breaks its rule."""

import asyncio
from collections.abc import Mapping

import pytest
from broken_server import Breaking, Mutation
from mutations import LAWS, MUTATIONS
from starlette.middleware import Middleware

from antiphon.config import Config, Server
from antiphon.conformance.bench import Target
from antiphon.conformance.case import Case
from antiphon.conformance.families import ALL
from antiphon.conformance.manner import Manner
from antiphon.conformance.run import Outcome, Round, Verdict, ask
from antiphon.conformance.sound import recorded
from antiphon.testing import TONE, serving

KEY = "sk-antiphon-check-tests"
JOBS = 8
BROKEN_JOBS = 16
PATIENT = Manner(patience_s=40.0, pace=0, speech=recorded())
"""A guard: our own server answers at once."""
HASTY = Manner(patience_s=5.0, pace=0, speech=recorded())
"""What a broken server does not say is waited for in vain."""

CASES = {case.id: case for case in ALL}
CONFIG = Config(server=Server(api_keys={"tests": KEY}, strict_models=True), engines=TONE)


def broken() -> dict[str, tuple[tuple[Case, ...], Mutation]]:
    """The cases to play at each broken server, the last of which must fail."""
    scenes = {name: ((CASES[name],), mutation) for name, mutation in MUTATIONS.items()}
    laws = {name: ((CASES[scene], CASES[name]), mutation) for name, (scene, mutation) in LAWS.items()}
    return {**scenes, **laws}


@pytest.fixture(scope="module")
def verdicts() -> tuple[Mapping[str, Verdict], Mapping[str, Verdict]]:
    """What came of each case, at our server and at the one that breaks its rule."""
    return asyncio.run(played())


async def played() -> tuple[Mapping[str, Verdict], Mapping[str, Verdict]]:
    mutations = {name: mutation for name, (_, mutation) in broken().items()}
    async with serving(CONFIG, middleware=[Middleware(Breaking, mutations=mutations)]) as url:
        whole = await ask(Target(url, api_key=KEY), Round(ALL, PATIENT, JOBS))
        room = asyncio.Semaphore(BROKEN_JOBS)

        async def at_the_broken(name: str, cases: tuple[Case, ...]) -> Verdict:
            async with room:
                found = await ask(Target(f"{url}/broken/{name}/v1", api_key=KEY), Round(cases, HASTY))
            return found[-1]

        names = broken()
        found = await asyncio.gather(*(at_the_broken(name, cases) for name, (cases, _) in names.items()))
    return {verdict.case.id: verdict for verdict in whole}, dict(zip(names, found, strict=True))


Verdicts = tuple[Mapping[str, Verdict], Mapping[str, Verdict]]


@pytest.mark.parametrize("name", CASES)
def test_our_server_keeps_the_rule(name: str, verdicts: Verdicts) -> None:
    """Not one case fails at our own server, and none is left out."""
    verdict = verdicts[0][name]

    assert (verdict.outcome, verdict.message) == (Outcome.PASSED, "")


@pytest.mark.parametrize("name", CASES)
def test_the_case_fails_where_its_rule_is_broken(name: str, verdicts: Verdicts) -> None:
    """A case that nothing can fail tests nothing."""
    verdict = verdicts[1][name]
    wanted = Outcome.ADVICE if CASES[name].is_advice else Outcome.FAILED

    assert verdict.outcome is wanted, verdict.message
    assert verdict.message
    assert verdict.lines or "rest" in name


def test_every_case_has_a_server_that_breaks_its_rule() -> None:
    """No case without a mutation, and no mutation without a case."""
    assert sorted(broken()) == sorted(CASES)
