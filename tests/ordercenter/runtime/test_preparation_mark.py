"""When a start may skip the preparation of the database."""

from ordercenter.runtime.preparation_mark import PreparationMark


def test_a_new_folder_has_to_be_prepared(data_folder):
    mark = PreparationMark(data_folder)

    assert (mark.exists, mark.fits(sandbox_port=8900)) == (False, False)


def test_a_command_that_made_the_tables_leaves_the_demo_company_to_the_first_start(data_folder):
    mark = PreparationMark(data_folder)

    mark.set()

    assert (mark.exists, mark.fits(sandbox_port=8900)) == (True, False)


def test_a_start_is_prepared_for_one_port_of_the_platforms(data_folder):
    mark = PreparationMark(data_folder)

    mark.set(sandbox_port=8900)

    assert (mark.fits(sandbox_port=8900), mark.fits(sandbox_port=8901)) == (True, False)


def test_other_migrations_have_to_run_first(data_folder, monkeypatch):
    mark = PreparationMark(data_folder)
    mark.set(sandbox_port=8900)

    monkeypatch.setattr("ordercenter.runtime.preparation_mark._fingerprint", lambda: "another")

    assert not mark.fits(sandbox_port=8900)
