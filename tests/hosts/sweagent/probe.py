"""In a child process: parse SWE-agent command lines, one after the other, and print what became of each as JSON.

    python probe.py CASES.json RESULT.json

A case is `{"kind": "single" | "batch", "words": [...], "env": {...}}`; a result is the configuration's dump, or
`{"error": message, "code": exit code}`. One import of SWE-agent serves all cases.
"""

import json
import os
import sys
from pathlib import Path

from slm_ext.errors import SlmError
from slm_ext.hosts.sweagent.bootstrap import install


def main() -> None:
    install()
    from sweagent.run.common import BasicCLI
    from sweagent.run.run_batch import RunBatchConfig
    from sweagent.run.run_single import RunSingleConfig

    kinds = {"single": RunSingleConfig, "batch": RunBatchConfig}
    results = []
    for case in json.loads(Path(sys.argv[1]).read_text()):
        os.environ.update(case.get("env", {}))
        try:
            config = BasicCLI(kinds[case.get("kind", "single")]).get_config(case["words"])
            result = json.loads(config.model_dump_json())
            result["_slm"] = config.slm
            result["_config_files"] = [str(path) for path in config._config_files]
            if result["agent"]["type"] != "retry":
                from slm_ext.hosts.sweagent.profile import provider_for
                from slm_ext.hosts.sweagent.session import models_in, registry_for

                registry = registry_for(config.slm_providers)
                result["_providers"] = [
                    provider_for(model, registry.provider(model.name)).public_dump()
                    for model in models_in(config.agent)
                ]
        except SlmError as error:
            result = {"error": str(error), "code": error.exit_code}
        except RuntimeError as error:
            result = {"stock_error": str(error)}
        finally:
            for name in case.get("env", {}):
                del os.environ[name]
        results.append(result)
    Path(sys.argv[2]).write_text(json.dumps(results))


if __name__ == "__main__":
    main()
