# Airflow's own look at our DAGs: they load without errors, are what the issue asks for, and whole runs of them go through
# with the project's commands replaced by a tiny program. Started by deploy/airflow/test.ts, which makes AIRFLOW_HOME, the
# tiny program and a mail server, and names their places in the environment.
import json
import logging
import os
import sys
import time
import unittest
from datetime import datetime, timedelta, timezone
from pathlib import Path

from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import DagRunState, TaskInstanceState
from airflow.sdk.exceptions import ParamValidationError

HERE = Path(__file__).resolve().parent
DAGS = str(HERE / "dags")
CALLS = Path(os.environ["TEST_CALLS"])
MAILS = Path(os.environ["TEST_MAILS"])
SHIPPED = HERE.parents[1] / "analytics" / "jobs" / "jobs.json"
LINE = ["start", "check_kafka_topic", "run_streaming_job", "wait_for_raw_data", "run_rdd_etl", "run_df_etl", "validate_output", "end"]
MIDNIGHT = datetime(2026, 2, 1, tzinfo=timezone.utc)


def load(jobs_file=SHIPPED):
    os.environ["FIRN_JOBS_FILE"] = str(jobs_file)
    bag = DagBag(DAGS)
    assert bag.import_errors == {}, bag.import_errors
    return bag.dags


def run(dag, **options):
    """One whole run; the calls of the tiny program, and each task's state."""
    CALLS.write_text("")
    result = dag.test(logical_date=options.pop("logical_date", MIDNIGHT), **options)
    calls = [json.loads(line) for line in CALLS.read_text().splitlines()]
    return result.state, calls, {task.task_id: task.state for task in result.get_task_instances()}


def jobs_file(name, change):
    """The shipped jobs, changed, with retries at once."""
    jobs = json.loads(SHIPPED.read_text())
    jobs["defaults"]["retryDelaySeconds"] = 0
    change(jobs["jobs"])
    path = CALLS.parent / f"{name}.json"
    path.write_text(json.dumps(jobs))
    return path


class Shape(unittest.TestCase):
    def test_loads_without_errors_and_has_a_dag_for_each_job(self):
        self.assertEqual(set(load()), set(json.loads(SHIPPED.read_text())["jobs"]))

    def test_ecommerce_pipeline_is_one_line_of_tasks(self):
        dag = load()["ecommerce_pipeline"]
        self.assertEqual([task.task_id for task in dag.topological_sort()], LINE)
        for task, then in zip(LINE, LINE[1:]):
            self.assertEqual(dag.get_task(task).downstream_task_ids, {then})

    def test_runs_daily_once_at_a_time_without_catching_up(self):
        dag = load()["ecommerce_pipeline"]
        self.assertEqual((dag.schedule, dag.catchup, dag.max_active_runs), ("@daily", False, 1))
        self.assertIn("execution_date", dag.params)

    def test_every_step_is_tried_twice_more_after_five_minutes_and_mails_when_it_fails(self):
        dag = load()["ecommerce_pipeline"]
        for name in LINE[1:-1]:
            task = dag.get_task(name)
            self.assertEqual((task.retries, task.retry_delay), (2, timedelta(minutes=5)), name)
            self.assertEqual((task.email_on_failure, task.email_on_retry, list(task.email)), (True, False, ["ops@shop.example"]), name)
            self.assertIsNotNone(task.execution_timeout, name)

    def test_commands_are_tasks_of_the_project(self):
        dag = load()["ecommerce_pipeline"]
        known = json.loads((HERE.parents[1] / "package.json").read_text())["scripts"]
        for step in json.loads(SHIPPED.read_text())["jobs"]["ecommerce_pipeline"]["steps"]:
            self.assertIn(step["command"][0], known)
            self.assertTrue(dag.get_task(step["name"]).cwd)


class Runs(unittest.TestCase):
    def test_a_whole_run_starts_every_command_in_order_for_the_day_before(self):
        state, calls, _ = run(load()["ecommerce_pipeline"])
        self.assertEqual(state, DagRunState.SUCCESS)
        steps = json.loads(SHIPPED.read_text())["jobs"]["ecommerce_pipeline"]["steps"]
        self.assertEqual([call["words"] for call in calls], [[word.replace("{date}", "2026-01-31") for word in step["command"]] for step in steps])
        self.assertTrue(all(Path(call["cwd"]) == HERE.parents[1] for call in calls))

    def test_the_parameter_execution_date_says_which_day(self):
        state, calls, _ = run(load()["ecommerce_pipeline"], run_conf={"execution_date": "2025-12-24"}, logical_date=MIDNIGHT + timedelta(hours=1))
        self.assertEqual(state, DagRunState.SUCCESS)
        self.assertIn("2025-12-24", calls[-1]["words"])

    def test_a_parameter_that_is_no_date_is_refused_before_anything_runs(self):
        # Airflow's own check, as it stands in front of runs that a person triggers.
        dag = load()["ecommerce_pipeline"]
        with self.assertRaises(ParamValidationError):
            dag.params["execution_date"] = "2026-01-31; touch x"
        # And ours, should somebody reach behind it.
        with self.assertRaises(ValueError):
            dag.user_defined_macros["work_day"](None, {"execution_date": "2026-01-31; touch x"})

    def test_connections_reach_the_commands_as_settings_and_not_their_text(self):
        os.environ["AIRFLOW_CONN_FIRN_KAFKA"] = json.dumps({"conn_type": "kafka", "host": "broker.example", "port": 9093, "login": "firn", "password": "hush", "extra": {"sasl.mechanism": "SCRAM-SHA-512", "security.protocol": "SASL_SSL", "settings": {"FIRN_LOG_TOPICS": "shop"}}})
        os.environ["AIRFLOW_CONN_FIRN_QUERY"] = json.dumps({"conn_type": "trino", "host": "trino.example", "port": 8443, "login": "ana", "password": "hush2", "extra": {"protocol": "https", "catalog": "lake"}})
        try:
            dag = load()["ecommerce_pipeline"]
            _, calls, _ = run(dag, logical_date=MIDNIGHT + timedelta(hours=2))
        finally:
            del os.environ["AIRFLOW_CONN_FIRN_KAFKA"], os.environ["AIRFLOW_CONN_FIRN_QUERY"]
        env = calls[0]["env"]
        self.assertEqual(env["FIRN_LOG_URL"], "kafka://broker.example:9093")
        self.assertEqual((env["FIRN_KAFKA_USERNAME"], env["FIRN_KAFKA_PASSWORD"], env["FIRN_KAFKA_SASL_MECHANISM"], env["FIRN_KAFKA_TLS"]), ("firn", "hush", "SCRAM-SHA-512", "true"))
        self.assertEqual((env["FIRN_QUERY_URL"], env["FIRN_QUERY_PASSWORD"], env["FIRN_LOG_TOPICS"]), ("trino+https://ana@trino.example:8443/lake", "hush2", "shop"))
        self.assertFalse([name for name in env if name.startswith("FIRN_PROJECT_")])
        for task in dag.tasks:
            self.assertNotIn("hush", str(getattr(task, "bash_command", "")))

    def test_a_step_that_fails_is_tried_three_times_then_mailed_and_nothing_behind_it_runs(self):
        os.environ["TEST_FAIL"] = "models"
        try:
            state, calls, states = run(load(jobs_file("failing", lambda jobs: None))["ecommerce_pipeline"], logical_date=MIDNIGHT + timedelta(hours=3))
        finally:
            del os.environ["TEST_FAIL"]
        self.assertEqual(state, DagRunState.FAILED)
        self.assertEqual([call["words"][0] for call in calls].count("models"), 3)
        self.assertEqual((states["run_rdd_etl"], states["validate_output"]), (TaskInstanceState.FAILED, TaskInstanceState.UPSTREAM_FAILED))
        until = time.monotonic() + 5
        while not MAILS.exists() and time.monotonic() < until:
            time.sleep(0.1)
        mails = [json.loads(line) for line in MAILS.read_text().splitlines()]
        self.assertEqual(len(mails), 1)
        self.assertEqual(mails[0]["to"], ["ops@shop.example"])
        self.assertIn("run_rdd_etl", mails[0]["text"])

    def test_a_job_of_a_few_lines_becomes_a_dag_and_its_steps_wait_for_whom_they_name(self):
        def add(jobs):
            jobs["weekly_extract"] = {"doc": "Two files for the buyers.", "retries": 1, "steps": [
                {"name": "left", "command": ["export", "orders"]},
                {"name": "right", "command": ["export", "customers"], "after": [], "retries": 0},
                {"name": "both", "command": ["sql", "select 'it''s {date}'"], "after": ["left", "right"]},
            ]}
        dag = load(jobs_file("more", add))["weekly_extract"]
        self.assertIsNone(dag.schedule)
        self.assertEqual(dag.get_task("start").downstream_task_ids, {"left", "right"})
        self.assertEqual(dag.get_task("both").upstream_task_ids, {"left", "right"})
        self.assertEqual(dag.get_task("end").upstream_task_ids, {"both"})
        self.assertEqual([dag.get_task(name).retries for name in ("left", "right")], [1, 0])
        state, calls, _ = run(dag, logical_date=MIDNIGHT + timedelta(hours=4))
        self.assertEqual((state, calls[-1]["words"]), (DagRunState.SUCCESS, ["sql", "select 'it''s 2026-01-31'"]))


class RealRun(unittest.TestCase):
    def test_the_shipped_dag_turns_what_the_log_holds_into_checked_tables(self):
        os.environ.update(json.loads(os.environ["TEST_LINE"]), FIRN_PROJECT_RUNNER=os.environ["TEST_RUNNER"])
        today = datetime.now(timezone.utc).date().isoformat()
        state, calls, states = run(load()["ecommerce_pipeline"], run_conf={"execution_date": today}, logical_date=MIDNIGHT + timedelta(hours=5))
        self.assertEqual(calls, [])
        self.assertEqual((state, states), (DagRunState.SUCCESS, dict.fromkeys(LINE, TaskInstanceState.SUCCESS)))


if __name__ == "__main__":
    logging.disable(logging.INFO)
    names = sys.argv[1:]
    tests = unittest.defaultTestLoader.loadTestsFromNames(names or ["Shape", "Runs", "RealRun"], sys.modules[__name__])
    result = unittest.TextTestRunner(verbosity=2).run(tests)
    failed = len(result.failures) + len(result.errors)
    print(f"{result.testsRun - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)
