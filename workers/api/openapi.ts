// placeholder until the registry below is written
export function openApiDocument(): object {
  return {};
}
