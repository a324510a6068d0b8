from tests.callcontrol.conftest import data_folder, prepared

__all__ = ["data_folder", "prepared"]
