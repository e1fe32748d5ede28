"""The pages people look at: plain documents in, HTML text out. No clock, no AWS, nothing fetched by the browser."""
