"""Who talks to whom: AQS, the store of days in front of it, and where archives are kept."""
