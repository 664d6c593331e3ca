"""LIBERO on robosuite and MuJoCo: suites, environment, assets."""
