SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#swagger",
  deepLinking: false,
  displayRequestDuration: true,
  tryItOutEnabled: true,
  validatorUrl: null,
});
