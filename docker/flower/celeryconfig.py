"""All that Flower has to know: the one queue, whose length it shows."""

task_default_queue = "evaluate"
