"""Loading, preprocessing and training: the extra that needs pandas, scikit-learn and MLflow.

Nothing outside `mlpipeline.cli.{load_data,preprocess,train}` imports it, and those only while they work.
"""
