"""The live view in the browser: whom it serves, what it shows, what its buttons do."""

from __future__ import annotations

import contextlib
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from mujoco.studio import messages
from mujoco.studio.dear_imgui import dear_imgui as gui

from ashore.configs.loader import load_run
from ashore.sim import tasks
from ashore.sim.scene.scene import compile_scene
from ashore.sim.view import browser
from tests.sim.worlds import make
from tests.untrained import export_untrained

FIRST = 1000


class Clock:
    """Time that stands still unless it is told to go on."""

    now = 5.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(browser, "time", clock)
    return clock


@pytest.fixture
def viewer(clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[browser.LocalViewer]:
    monkeypatch.chdir(tmp_path)  # a bare context leaves its settings in the working folder
    env = make("arm_reach", 1)
    zero = torch.zeros(1, env.action_size)
    player = browser.Player(env, lambda obs: zero, seed=2, first_seed=FIRST, targets=False)
    viewer = browser.open_viewer(env, player)
    viewer.player = player
    yield viewer
    viewer.close()


def read(url: str) -> bytes:
    """The answer, once the server's thread listens."""
    host, port = url.split("/")[2].split(":")
    until = time.monotonic() + 20
    while True:
        with contextlib.suppress(ConnectionRefusedError), socket.create_connection((host, int(port)), timeout=10):
            break
        assert time.monotonic() < until, f"nobody listens at {url}"
        time.sleep(0.02)
    with urllib.request.urlopen(url, timeout=10) as answer:
        assert answer.status == 200
        return bytes(answer.read())


def frame(viewer: browser.LocalViewer, monkeypatch: pytest.MonkeyPatch, press: str = "") -> list[str]:
    """One frame with a button pressed; gives the panel's texts."""
    texts: list[str] = []
    monkeypatch.setattr(browser.gui, "Button", lambda label: label.split("##")[0] == press)
    monkeypatch.setattr(browser.gui, "TextUnformatted", texts.append)
    monkeypatch.setattr(browser.gui, "SeparatorText", texts.append)
    viewer.dispatch(messages.UpdateEvent())
    context = gui.CreateContext()
    try:
        gui.SetCurrentContext(context)
        gui.GetIO().DisplaySize = gui.Vec2(800, 600)
        gui.GetIO().BackendFlags = int(gui.BackendFlags.RendererHasTextures)
        gui.NewFrame()
        viewer.dispatch(messages.BuildGuiEvent())
        gui.EndFrame()
    finally:
        gui.DestroyContext(context)
    return texts


def test_the_page_is_served_to_this_machine_alone(viewer: browser.LocalViewer) -> None:
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/", viewer.url)
    assert viewer._http_sock.getsockname()[0] == viewer._tcp_sock.getsockname()[0] == "127.0.0.1"
    assert b"web_client.js" in read(viewer.url)


def test_the_scene_holds_the_visual_geoms_and_the_page_is_sent_them(viewer: browser.LocalViewer) -> None:
    settings = load_run("arm_reach").task
    scene = compile_scene(tasks.find("arm_reach"), settings, visual=True)
    assert viewer.model.ngeom == scene.ngeom
    assert set(viewer.model.geom_type) == set(scene.geom_type)
    sent = read(viewer.url + "model")
    assert scene.names in sent and scene.geom_size.tobytes() in sent


def test_the_camera_sees_what_the_models_own_does(viewer: browser.LocalViewer) -> None:
    data, camera = viewer.data, viewer.camera
    azimuth, elevation = torch.deg2rad(torch.tensor([camera.azimuth, camera.elevation])).tolist()
    forward = torch.tensor([azimuth, elevation], dtype=torch.float64)
    c, s = forward.cos(), forward.sin()
    direction = torch.stack((c[0] * c[1], s[0] * c[1], s[1])).numpy()
    assert direction == pytest.approx(-data.cam("overview").xmat.reshape(3, 3)[:, 2], abs=1e-5)
    eye = camera.lookat - camera.distance * direction
    assert eye == pytest.approx(data.cam("overview").xpos, abs=1e-5)


def test_episodes_keep_to_the_clock(viewer: browser.LocalViewer, clock: Clock) -> None:
    player = viewer.player
    viewer.dispatch(messages.UpdateEvent())
    assert int(player._env.age[0]) == 1
    for passed, steps in ((0.02, 2), (0.005, 2), (0.0151, 3), (30.0, 3 + 5)):  # at most 0.1 s is caught up with
        clock.now += passed + 1e-9
        viewer.dispatch(messages.UpdateEvent())
        assert int(player._env.age[0]) == steps
    assert (viewer.data.qpos == player._env.world.qpos[0].numpy()).all()
    (goal,) = viewer.extra_geoms
    assert goal.pos == pytest.approx(player._env.task.goal[0].numpy())


def test_the_buttons_pause_go_on_and_begin_again(
    viewer: browser.LocalViewer, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    player, start = viewer.player, viewer.player._env.world.qpos.clone()
    frame(viewer, monkeypatch, press="Pause")
    for _ in range(5):
        clock.now += 0.02
        texts = frame(viewer, monkeypatch)
    assert player.paused and int(player._env.age[0]) == 1
    assert "arm_reach, episode 1" in texts and set(player._env.task.reward_terms) < set(texts)
    frame(viewer, monkeypatch, press="Go on")
    clock.now += 0.0201
    frame(viewer, monkeypatch)
    assert int(player._env.age[0]) == 2
    assert not torch.equal(player._env.world.qpos, start)
    frame(viewer, monkeypatch, press="Reset")
    assert torch.equal(player._env.world.qpos, start)
    monkeypatch.setattr(browser.gui, "InputInt", lambda label, value: (True, value + 1))
    frame(viewer, monkeypatch)
    assert player.seed == 3 and player._env.seed == FIRST + 3
    assert not torch.equal(player._env.world.qpos, start)


def test_what_became_of_the_episodes_is_counted(
    viewer: browser.LocalViewer, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    env = viewer.player._env
    for episode in range(2):
        env.age.fill_(env.settings.episode_steps - 1)
        env.task.held.fill_(1e6 if episode else 0)
        env.task.goal.copy_(env.task._tool)
        clock.now += 0.0201
        texts = frame(viewer, monkeypatch)
    assert viewer.player.results == [False, True]
    assert "before    1 of 2 episodes succeeded" in texts


def test_a_taken_port_is_an_error_if_asked_for_and_passed_over_if_not(viewer: browser.LocalViewer) -> None:
    read(viewer.url)  # a port is taken once the server's thread listens
    port = viewer._http_port
    with pytest.raises(browser.PortError, match=f"--port {port}"):
        browser.open_viewer(viewer.player._env, viewer.player, port)
    other = browser.open_viewer(viewer.player._env, viewer.player)
    assert other._http_port != port
    other.close()


def test_the_command_serves_an_exported_policy_until_ctrl_c(tmp_path: Path) -> None:
    policy = tmp_path / "policy.onnx"
    export_untrained(load_run("arm_reach"), policy)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "ashore", "play", str(policy), "--viewer", "browser", "--port", str(port)]
    # As from a script's background, where a shell has commands ignore Ctrl-C.
    ignoring = (
        "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_IGN); os.execv(sys.argv[1], sys.argv[1:])"
    )
    command = [sys.executable, "-c", ignoring, *command]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    give_up = threading.Timer(200, process.kill)
    give_up.start()
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert f"http://127.0.0.1:{port}/" in line, line or process.communicate()[1]
        assert b"web_client.js" in read(f"http://127.0.0.1:{port}/")
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        rest, errors = process.communicate(timeout=60)
    finally:
        give_up.cancel()
        process.kill()
    assert (process.returncode, rest, errors) == (130, "", "")
