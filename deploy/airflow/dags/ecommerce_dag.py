# One Airflow DAG for each job of analytics/jobs/jobs.json; the first is `ecommerce_pipeline`: start → check_kafka_topic →
# run_streaming_job → wait_for_raw_data → run_rdd_etl → run_df_etl → validate_output → end. A step is the same command as
# with `npm run daily`, run in the project's folder; what a new job needs is a few lines of that file and none of this one.
# Where broker and query engine are comes from the connections firn_kafka and firn_query, else from the worker's environment.
import json
import os
import shlex
from datetime import date, datetime, timedelta, timezone
from pathlib import Path

from airflow.providers.standard.operators.bash import BashOperator
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, Param
from airflow.sdk.bases.hook import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException

# A copy of this file in another DAG folder needs FIRN_PROJECT_DIR; nothing that starts with FIRN_PROJECT_ reaches the steps.
PROJECT_DIR = Path(os.environ.get("FIRN_PROJECT_DIR") or Path(__file__).resolve().parents[3])
JOBS_FILE = Path(os.environ.get("FIRN_JOBS_FILE") or PROJECT_DIR / "analytics" / "jobs" / "jobs.json")
# How a step's words are started; tests put a tiny program here.
RUNNER = shlex.split(os.environ.get("FIRN_PROJECT_RUNNER") or "node start.mjs")
MAIL_TO = os.environ.get("FIRN_ALERT_TO", "alerts@localhost").split(",")
USUAL = {"retries": 2, "retryDelaySeconds": 300, "stepSecondsMax": 7200, "emailOnFailure": True}


def work_day(dag_run, params):
    """The day that a run works on: the parameter execution_date, else the last day that is over at the run's time."""
    wanted = params.get("execution_date")
    if wanted:
        return date.fromisoformat(wanted).isoformat()
    until = dag_run.data_interval_end or dag_run.run_after
    return (until.astimezone(timezone.utc).date() - timedelta(days=1)).isoformat()


def broker_settings(connection):
    """firn_kafka: host (a list is fine) and port, or `bootstrap.servers`, as Airflow's own kafka connections have it."""
    extra = connection.extra_dejson
    servers = extra.get("bootstrap.servers") or (connection.host and f"{connection.host}:{connection.port or 9092}")
    settings = {
        "FIRN_LOG_URL": extra.get("url") or (servers and f"kafka://{servers}"),
        "FIRN_KAFKA_USERNAME": extra.get("sasl.username") or connection.login,
        "FIRN_KAFKA_PASSWORD": extra.get("sasl.password") or connection.password,
        "FIRN_KAFKA_SASL_MECHANISM": extra.get("sasl.mechanism") or extra.get("sasl.mechanisms"),
        "FIRN_KAFKA_TLS": "true" if "SSL" in extra.get("security.protocol", "").replace("SASL", "") else None,
        "FIRN_KAFKA_TLS_CA_FILE": extra.get("ssl.ca.location"),
    }
    return {**settings, **extra.get("settings", {})}


def query_settings(connection):
    """firn_query: a trino connection, or `{"url": "duckdb:"}` as its extra."""
    extra = connection.extra_dejson
    scheme = "trino+https" if extra.get("protocol") == "https" else "trino"
    user = f"{connection.login}@" if connection.login else ""
    catalog = f"/{extra['catalog']}" if extra.get("catalog") else ""
    url = connection.host and f"{scheme}://{user}{connection.host}:{connection.port or 8080}{catalog}"
    settings = {"FIRN_QUERY_URL": extra.get("url") or url, "FIRN_QUERY_PASSWORD": connection.password}
    return {**settings, **extra.get("settings", {})}


class FirnStep(BashOperator):
    """A command of the project. What connections hold goes into its environment when it runs, never into its text."""

    def get_env(self, context):
        env = {name: value for name, value in super().get_env(context).items() if not name.startswith("FIRN_PROJECT_")}
        for name, settings_of in (("firn_kafka", broker_settings), ("firn_query", query_settings)):
            try:
                connection = BaseHook.get_connection(name)
            except AirflowNotFoundException:
                continue
            env.update({key: str(value) for key, value in settings_of(connection).items() if value is not None})
        return env


def build_dag(name, job, usual):
    limits = {key: job.get(key, value) for key, value in usual.items()}
    with DAG(
        dag_id=name,
        description=job["doc"],
        schedule=job.get("schedule"),
        start_date=datetime(2025, 1, 1, tzinfo=timezone.utc),
        catchup=False,
        max_active_runs=1,
        params={
            "execution_date": Param(
                None,
                type=["null", "string"],
                pattern=r"^\d{4}-\d{2}-\d{2}$",
                description="The day to work on, such as 2026-01-31; empty: the day before the run.",
            )
        },
        default_args={
            "owner": "firn",
            "retries": limits["retries"],
            "retry_delay": timedelta(seconds=limits["retryDelaySeconds"]),
            "email": MAIL_TO,
            "email_on_failure": limits["emailOnFailure"],
            "email_on_retry": False,
        },
        user_defined_macros={"work_day": work_day},
        tags=["firn"],
    ) as dag:
        start = EmptyOperator(task_id="start")
        tasks, before, waited_for = {}, None, set()
        for step in job["steps"]:
            words = [word.replace("{date}", "{{ work_day(dag_run, params) }}") for word in step["command"]]
            task = FirnStep(
                task_id=step["name"],
                bash_command=shlex.join([*RUNNER, *words]),
                cwd=str(PROJECT_DIR),
                append_env=True,
                retries=step.get("retries", limits["retries"]),
                retry_delay=timedelta(seconds=step.get("retryDelaySeconds", limits["retryDelaySeconds"])),
                execution_timeout=timedelta(seconds=step.get("stepSecondsMax", limits["stepSecondsMax"])),
            )
            after = step.get("after", [before] if before else [])
            (([tasks[other] for other in after]) or [start]) >> task
            waited_for.update(after)
            tasks[step["name"]], before = task, step["name"]
        [task for step, task in tasks.items() if step not in waited_for] >> EmptyOperator(task_id="end")
    return dag


with open(JOBS_FILE, encoding="utf-8") as file:
    declared = json.load(file)
for job_name, declared_job in declared["jobs"].items():
    globals()[job_name] = build_dag(job_name, declared_job, {**USUAL, **declared.get("defaults", {})})
