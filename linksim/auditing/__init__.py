"""What an audit is made of: figures of each stage, attribution, calibration, defects of a surrogate."""
