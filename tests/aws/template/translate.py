"""Prints the template after the SAM transform, in CloudFormation's view, as JSON.

    python translate.py TEMPLATE

Needs no network: managed policies are not looked up, because the template names none.
"""

import json
import os
import sys

import yaml
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse


def main() -> None:
    # The transform needs a region to build names; none of them appears in the output.
    os.environ.setdefault("AWS_DEFAULT_REGION", "eu-west-1")
    with open(sys.argv[1], encoding="utf-8") as file:
        template = yaml_parse(file.read())
    # Packaging replaces a folder with an object in a bucket.
    for name, resource in template["Resources"].items():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = f"s3://packages/{name}"
    translated = Translator({}, Parser()).translate(template, {})
    json.dump(translated, sys.stdout, indent=1)


if __name__ == "__main__":
    main()
