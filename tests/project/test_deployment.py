from packaging.version import Version

from hephaestus_codemods.project.deployment import Deployment, Fact, Image
from hephaestus_codemods.project.project import Project


def deployment_of(**files: str) -> Deployment:
    return Project.from_files({n.replace("__", "/"): t for n, t in files.items()}).deployment


def test_workers_of_web_servers() -> None:
    """Command lines, JSON and YAML lists, variables and gunicorn's configuration are read."""
    deployment = deployment_of(
        **{
            "Dockerfile": 'FROM x\n# gunicorn -w 9\nCMD ["gunicorn", "-w", "4", \\\n  "app:app"]\n',
            "Procfile": "web: uvicorn app:app --workers=3\nworker: celery -w 7\n",
            "docker-compose.yml": "s:\n  command:\n    - gunicorn\n    - --workers\n    - '5'\n",
            "deploy__k8s.yaml": "env:\n  WEB_CONCURRENCY: '6'\n",
            "gunicorn_conf.py": "import os\nworkers = 2\nbind = os.environ['X']\n",
        }
    )

    assert set(deployment.web_workers) == {
        Fact(4, "Dockerfile:3"),
        Fact(3, "Procfile:1"),
        Fact(5, "docker-compose.yml:3"),
        Fact(6, "deploy/k8s.yaml:2"),
        Fact(2, "gunicorn_conf.py:2"),
    }


def test_processes_are_workers_times_replicas() -> None:
    """The most workers and the most copies bound what runs at once; without workers: unknown."""
    files = {"a.yaml": "spec:\n  replicas: 3\n", "Procfile": "web: gunicorn -w 4 app\n"}

    assert deployment_of(**files).processes == Fact(12, "Procfile:1 * a.yaml:2")
    assert deployment_of(**{"a.yaml": files["a.yaml"]}).processes is None
    assert deployment_of(Procfile=files["Procfile"]).processes == Fact(4, "Procfile:1")
    assert deployment_of(Procfile="web: gunicorn -w $N app").processes is None


def test_images_tell_server_versions() -> None:
    """Tags start with a version, or say nothing."""
    deployment = deployment_of(
        **{
            "docker-compose.yml": "image: redis:7.2-alpine\nimage: bitnami/postgresql:15.4.0\n",
            "docker-compose.dev.yml": "image: 'redis:6'\nimage: redis:latest\n",
            "ci.yaml": "image: pgvector/pgvector:pg16\nimage: valkey/valkey:8.0\n",
        }
    )

    assert deployment.server_floor("redis") == Fact(Version("6"), "docker-compose.dev.yml:1")
    assert deployment.server_floor("valkey") == Fact(Version("8.0"), "ci.yaml:2")
    assert deployment.server_floor("postgres") == Fact(Version("15.4.0"), "docker-compose.yml:2")
    assert deployment.server_floor("mysql") is None
    assert Fact(Image("postgres", Version("16")), "ci.yaml:1") in deployment.images


def test_prefork_poolers_and_functions() -> None:
    """Facts that forbid a pool made at import carry the line where they stand."""
    deployment = deployment_of(
        **{
            "start.sh": "exec gunicorn --preload app:app\n",
            "gunicorn.conf.py": "preload_app = False\n",
            "compose.yaml": "pool:\n  image: edoburu/pgbouncer\n",
            ".env.example": "DATABASE_URL=postgresql://u@db:6432/x\n",
            "template.yaml": "Type: AWS::Serverless::Function\n",
            "zappa_settings.json": "{}",
        }
    )

    assert deployment.preload_app == (Fact(True, "start.sh:1"),)
    assert deployment.poolers == (
        Fact(":6432", ".env.example:1"),
        Fact("pgbouncer", "compose.yaml:2"),
    )
    assert [fact.where for fact in deployment.serverless] == [
        "template.yaml:1",
        "zappa_settings.json",
    ]


def test_what_servers_allow() -> None:
    """Options on a command line and lines of a configuration say how many may connect."""
    deployment = deployment_of(
        **{
            "compose.yaml": "command: postgres -c max_connections=300 -c fsync=off\n",
            "docker__postgresql.conf": "# max_connections = 1\nmax_connections = 200  # all\n",
            "mysql.sh": "mysqld --max-connections=151 --x\n",
            "settings.yaml": "redis:\n  max_connections: 5\n",
            "settings.toml": "[redis]\nmax_connections = 7\n",
            ".env": "REDIS_MAX_CONNECTIONS=6\n",
        }
    )

    assert deployment.max_connections == (
        Fact(300, "compose.yaml:1"),
        Fact(151, "mysql.sh:1"),
        Fact(200, "docker/postgresql.conf:2"),
    )


def test_a_word_is_no_pooler() -> None:
    """Odyssey is a pooler where a host or an image is named, and elsewhere a game console."""
    deployment = deployment_of(
        **{
            "a.yaml": "platforms:\n  odyssey2: odyssey\n",
            "b.env": "DATABASE_URL=postgresql://app@odyssey:5432/app\n",
            "c.yaml": "image: yandex/odyssey:1.3\nDB_HOST: odyssey\n",
        }
    )

    assert [fact.where for fact in deployment.poolers] == ["b.env:1", "c.yaml:1", "c.yaml:2"]


def test_tests_and_binaries_say_nothing() -> None:
    """What tests start is not what runs; broken configuration is no error."""
    deployment = deployment_of(
        **{"tests__docker-compose.yml": "image: redis:5\n", "gunicorn_conf.py": "workers = (\n"}
    )

    assert deployment.images == ()
    assert deployment.web_workers == ()


def test_modules_that_commands_start() -> None:
    """What servers and workers run is named as the service imports it."""
    deployment = deployment_of(
        **{
            "Dockerfile": 'CMD ["uvicorn", "app.main:app", "--host", "0.0.0.0:8000"]\n',
            "Procfile": "web: gunicorn -b :80 wsgi:app\nworker: celery -A shop.tasks worker\n",
            "compose.yaml": "command: arq app.worker.WorkerSettings\nurl: http://uvicorn:80/x\n",
            "run.sh": "python -m app.seed\npython -m pytest\nuvicorn --reload --port 80\n",
        }
    )

    assert deployment.started == {
        "app.main",
        "wsgi",
        "shop.tasks",
        "app.worker.WorkerSettings",
        "app.seed",
    }
