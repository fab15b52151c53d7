"""What a detector may see, in the words of the trade."""

from enum import Enum


class Label(str, Enum):
    """Class of a tracked object. `motor_vehicle` is somebody's car; a vehicle, in Vedette, is ours."""

    PERSON = "person"
    BICYCLE = "bicycle"
    MOTOR_VEHICLE = "motor_vehicle"
    ANIMAL = "animal"
    OTHER = "other"
