"""The fixture service behaves as its tests say, and they notice when it does not."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from hephaestus_codemods.testing import services

SERVICE = Path(__file__).parents[2] / "fixtures" / "apps" / "orders_api"
#: What a careless rewrite could do, each with the test that has to notice it.
PLANTED = (
    ("crud/customers.py", "email).count() > 0", "email).count() > 1", "registered_once"),
    (
        "crud/customers.py",
        "customer_id).all()) == 0",
        "customer_id).all()) <= 1",
        "what_they_ordered",
    ),
    ("crud/orders.py", "Order.paid.is_(True)", "Order.paid.is_(False)", "daily_report"),
    ("crud/products.py", "Product.stock == 0", "Product.stock >= 0", "test_numbers"),
    ("crud/orders.py", ".all()[0]", ".first()", "of_a_customer"),
    ("services/carts.py", "settings.cart_seconds)", "60)", "kept_for_a_week"),
    ("services/carts.py", "    r.delete(key)\n", "", "a_cart_is_ordered_once"),
    ("services/sessions.py", "    if attempts == 1:\n        ", "    ", "limited"),
    ("services/locks.py", 'return bool(r.setnx(f"seen:{event}", "1"))', "return True", "once"),
    (
        "services/locks.py",
        "        return True\n    return False",
        "        return True\n    return True",
        "keeps_others_out",
    ),
    ("services/catalogue.py", "settings.cache_seconds)", "3600)", "cached_for_a_minute"),
)


@pytest.fixture
def copy(tmp_path) -> Path:
    """A copy of the service."""
    ignore = shutil.ignore_patterns("__pycache__")
    return Path(shutil.copytree(SERVICE, tmp_path / "orders_api", ignore=ignore))


@pytest.fixture
def behaviour(pg_url, redis_url):
    """Run the behaviour tests on the service in a folder; return what pytest says."""

    def run(root: Path) -> str:
        env = os.environ | {
            "ORDERS_API_ROOT": str(root),
            services.POSTGRES_VARIABLE: pg_url,
            services.REDIS_VARIABLE: redis_url,
            services.REQUIRE_VARIABLE: "1",
        }
        command = [sys.executable, "-m", "pytest", "-q", SERVICE / "test_behaviour.py"]
        done = subprocess.run(command, check=False, capture_output=True, text=True, env=env)
        return done.stdout + done.stderr

    return run


def test_the_service_behaves(behaviour, copy):
    """A copy of it answers as its tests say."""
    said = behaviour(copy)

    assert " passed" in said
    assert "failed" not in said, said
    assert "error" not in said.lower(), said


def test_its_tests_notice_careless_rewrites(behaviour, copy):
    """Each planted fault makes the test fail that is there for it."""
    for path, old, new, _ in PLANTED:
        file = copy / "app" / path
        text = file.read_text()
        assert old in text, (path, old)
        file.write_text(text.replace(old, new))

    failed = [line for line in behaviour(copy).splitlines() if line.startswith("FAILED")]

    for *_, test in PLANTED:
        assert any(test in line for line in failed), (test, failed)
