SwaggerUIBundle({
  url: document.getElementById("swagger").dataset.url,
  dom_id: "#swagger",
  deepLinking: false,
  displayRequestDuration: true,
  tryItOutEnabled: true,
  validatorUrl: null,
});
