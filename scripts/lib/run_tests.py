# SPDX-License-Identifier: Apache-2.0
"""The work of scripts/test: builds, runs the unit tests and pytest, sums up in the last line."""
import concurrent.futures
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree

import rules

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent.parent
TESTS = REPOSITORY / "tests"
UNIT_SECONDS_MAX = 120
HUNG_SECONDS = 900  # far more than any test takes: one that hangs fails, and says where each of its threads stood
SANITIZED_TIMES = 4  # as long as without sanitizers
PROCESSORS = len(os.sched_getaffinity(0))
PROCESSES = 4  # tests mostly wait
NOTHING_SELECTED = 5  # pytest's own, when -k leaves nothing


def python_suites():
    """The folders of tests/ that pytest runs."""
    return sorted({file.parent.name for file in TESTS.glob("*/test_*.py")})


def build(mode):
    """Builds programs and unit tests; returns the build folder."""
    result = subprocess.run(["make", "--no-print-directory", "-C", REPOSITORY, f"-j{PROCESSORS}", f"MODE={mode}",
                             "all", "unit", "probes", "fuzz-programs"], check=False)
    if result.returncode != 0:
        print("the build failed\n0 passed, 1 failed")
        sys.exit(1)
    return REPOSITORY / "build" / mode


def junit_counts(files):
    """(passed, failed) of JUnit reports; what was skipped counts as neither."""
    passed = failed = 0
    for file in files:
        for case in ElementTree.parse(file).getroot().iter("testcase"):
            bad = case.find("failure") is not None or case.find("error") is not None
            failed += bad
            passed += not bad and case.find("skipped") is None
    return passed, failed


def passed_tests(folder):
    """Names of the tests that passed, of all reports in a folder."""
    for file in folder.glob("*.xml"):
        for case in ElementTree.parse(file).getroot().iter("testcase") if file.stat().st_size else ():
            if not any(case.find(outcome) is not None for outcome in ("failure", "error", "skipped")):
                yield case.get("name")


def run_rules(folder):
    """(passed, failed) of the rules: each has a test that proves it."""
    lines, failed = rules.report(passed_tests(folder))
    print("\n".join(["", *lines, ""]), flush=True)
    return len(rules.rules()) - failed, failed


def failures(files):
    for file in files:
        for case in ElementTree.parse(file).getroot().iter("testcase"):
            for bad in case.findall("failure") + case.findall("error"):
                yield f"  {case.get('name')}: {(bad.text or '').strip()}"


def run_unit_program(program, folder):
    """(passed, failed, what is told) of one cmocka program; one that dies counts as one failure more."""
    environment = os.environ | {"CMOCKA_MESSAGE_OUTPUT": "XML", "CMOCKA_XML_FILE": f"{folder}/{program.name}-%g.xml",
                                "TZ": "Europe/Paris"}
    try:
        result = subprocess.run([program], env=environment, capture_output=True, text=True, errors="replace",
                                cwd=REPOSITORY, timeout=UNIT_SECONDS_MAX, check=False)
        code, output = result.returncode, result.stdout + result.stderr
    except subprocess.TimeoutExpired:
        code, output = None, f"took longer than {UNIT_SECONDS_MAX} s"
    reports = [file for file in folder.glob(f"{program.name}-*.xml") if file.stat().st_size]
    passed, failed = junit_counts(reports)
    if code != 0 and failed == 0:
        failed += 1
    told = f"{program.name}: {passed} passed" + (f", {failed} FAILED (ended with {code})" if failed else "")
    return passed, failed, "\n".join([told, *([*failures(reports), output.strip()] if failed else [])])


def run_unit(pool, folder, build_folder):
    programs = [build_folder / "bin" / "unit" / file.stem for file in sorted((TESTS / "unit").glob("test_*.c"))]
    counts = []
    for passed, failed, told in pool.map(lambda program: run_unit_program(program, folder), programs):
        print(told, flush=True)
        counts.append((passed, failed))
    return sum(passed for passed, _ in counts), sum(failed for _, failed in counts)


def pytest_command(folder, suites, options):
    return [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--basetemp", folder / "pytest", *options,
            *(TESTS / suite for suite in suites)]


def pytest_environment(folder, build_folder):
    return os.environ | {
        "STACK_BUILD": str(build_folder), "PROGRAMS_DIR": str(build_folder / "bin"),
        "PYTHONPYCACHEPREFIX": str(folder / "bytecode"), "PYTHONDONTWRITEBYTECODE": "", "TMPDIR": str(folder),
        "HYPOTHESIS_STORAGE_DIRECTORY": str(folder / "hypothesis"), "PYTHONUNBUFFERED": "1"}


def compile_tests(folder, build_folder, suites):
    """Once for all processes, beside the unit tests; what is wrong is told when the tests run."""
    subprocess.run(pytest_command(folder, suites, ["--collect-only", "-q"]), cwd=REPOSITORY, check=False,
                   env=pytest_environment(folder, build_folder), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def run_pytest(folder, build_folder, suites, options):
    """(passed, failed) of these suites: several processes, each with stacks of its own, take file after file. A run
    that breaks off counts as a failure."""
    report, hung_s = folder / "pytest.xml", HUNG_SECONDS * (SANITIZED_TIMES if build_folder.name == "asan" else 1)
    command = pytest_command(folder, suites, ["-n", str(PROCESSES), "--dist", "loadfile", "--timeout", str(hung_s),
                                              "--timeout-method", "signal", "--junitxml", report, *options])
    code = subprocess.run(command, env=pytest_environment(folder, build_folder), cwd=REPOSITORY, check=False).returncode
    passed, failed = junit_counts([report]) if report.exists() else (0, 0)
    if code not in (0, NOTHING_SELECTED) and failed == 0:
        failed = 1
    return passed, failed


def run_faults(options):
    """A round of kills under load, judged by the referee."""
    build_folder = build(os.environ.get("MODE", "debug"))
    return subprocess.run([sys.executable, "-B", TESTS / "runtime" / "campaign", "--build", build_folder, *options],
                          cwd=REPOSITORY, check=False).returncode


def main():
    if sys.argv[1:2] == ["faults"]:
        return run_faults(sys.argv[2:])
    suites = [argument for argument in sys.argv[1:] if argument in ["unit", *python_suites()]]
    options = [argument for argument in sys.argv[1:] if argument not in suites]
    wanted = suites or ["unit", *python_suites()]
    build_folder = build(os.environ.get("MODE", "debug"))
    folder = pathlib.Path(tempfile.mkdtemp(prefix="escarcelle-test-"))
    counts = []
    try:
        python = [suite for suite in wanted if suite != "unit"]
        with concurrent.futures.ThreadPoolExecutor(PROCESSORS) as pool:
            if python:
                pool.submit(compile_tests, folder, build_folder, python)
            if "unit" in wanted:
                counts.append(run_unit(pool, folder, build_folder))
        if python:
            counts.append(run_pytest(folder, build_folder, python, options))
        if not sys.argv[1:]:
            counts.append(run_rules(folder))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    passed, failed = (sum(numbers) for numbers in zip(*counts))
    print(f"{passed} passed, {failed} failed", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
