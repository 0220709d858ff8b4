from ml_platform.clusters.jobs.log import LogLines, plain_line


def test_a_line_that_arrives_in_pieces_is_delivered_whole() -> None:
    log = LogLines()
    assert log.feed("one\ntw") == ["one"]
    assert log.feed("o\nthree\n") == ["two", "three"]


def test_a_log_read_from_the_start_again_delivers_each_line_once() -> None:
    log = LogLines()
    log.feed("one\ntwo\nthr")
    log.restart()
    assert log.feed("one\ntwo\nthree\nfour\n") == ["three", "four"]


def test_a_restart_whose_chunks_are_cut_elsewhere_delivers_each_line_once() -> None:
    log = LogLines()
    log.feed("one\ntwo\n")
    log.restart()
    assert log.feed("one\n") == []
    assert log.feed("two\nthree\n") == ["three"]


def test_a_second_break_before_the_first_was_made_good_loses_nothing() -> None:
    log = LogLines()
    log.feed("one\ntwo\n")
    log.restart()
    log.feed("one\n")
    log.restart()
    assert log.feed("one\ntwo\nthree\n") == ["three"]


def test_a_last_line_without_a_line_end_is_delivered_at_the_end() -> None:
    log = LogLines()
    log.feed("one\ntwo")
    assert log.finish() == ["two"]
    assert log.finish() == []


def test_rays_colours_and_worker_prefix_are_stripped() -> None:
    line = '\x1b[36m(RayTrainWorker pid=4711)\x1b[0m {"method": "log"}'
    assert plain_line(line) == '{"method": "log"}'


def test_the_prefix_of_a_worker_on_another_node_is_stripped() -> None:
    assert plain_line("(RayTrainWorker pid=4711, ip=10.0.0.7) loss 0.5") == "loss 0.5"


def test_a_line_of_the_driver_stays_as_it_is() -> None:
    assert plain_line("(a) loss 0.5 (pid=3)") == "(a) loss 0.5 (pid=3)"
