package org.apache.iceberg.rest;

import jakarta.servlet.DispatcherType;
import jakarta.servlet.Filter;
import jakarta.servlet.FilterChain;
import jakarta.servlet.ServletException;
import jakarta.servlet.ServletRequest;
import jakarta.servlet.ServletResponse;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.iceberg.CatalogUtil;
import org.apache.iceberg.catalog.Catalog;
import org.eclipse.jetty.compression.gzip.GzipCompression;
import org.eclipse.jetty.compression.server.CompressionHandler;
import org.eclipse.jetty.ee10.servlet.FilterHolder;
import org.eclipse.jetty.ee10.servlet.ServletContextHandler;
import org.eclipse.jetty.ee10.servlet.ServletHolder;
import org.eclipse.jetty.server.Server;

/**
 * Iceberg's REST catalog of its test fixtures, without Hadoop, listening on REST_HOST (127.0.0.1). Settings come by
 * CATALOG_… variables as they do there; REST_CREDENTIAL (id:secret) makes it demand tokens, which live for REST_TOKEN_SECONDS.
 * It stands in this package because the adapter of the fixtures is visible in it alone.
 */
public final class CatalogProcess {
  private CatalogProcess() {}

  public static void main(String[] args) throws Exception {
    Map<String, String> settings = new HashMap<>(RCKUtils.environmentCatalogConfig());
    int port = Integer.parseInt(settings.getOrDefault("rest.port", "8181"));
    Catalog catalog = CatalogUtil.buildIcebergCatalog("firn", settings, null);
    RESTCatalogAdapter adapter = new RESTServerCatalogAdapter(new RESTCatalogServer.CatalogContext(catalog, settings));

    ServletContextHandler context = new ServletContextHandler(ServletContextHandler.NO_SESSIONS);
    String credential = System.getenv("REST_CREDENTIAL");
    if (credential != null) {
      long tokenSeconds = Long.parseLong(System.getenv().getOrDefault("REST_TOKEN_SECONDS", "3600"));
      context.addFilter(new FilterHolder(new Tokens(credential, tokenSeconds)), "/*", EnumSet.of(DispatcherType.REQUEST));
    }
    context.addServlet(new ServletHolder(new RESTCatalogServlet(adapter)), "/*");
    CompressionHandler compression = new CompressionHandler();
    compression.putCompression(new GzipCompression());
    context.insertHandler(compression);

    String host = System.getenv().getOrDefault("REST_HOST", "127.0.0.1");
    Server server = new Server(new InetSocketAddress(host, port));
    server.setHandler(context);
    server.start();
    server.join();
  }

  /** OAuth2 client credentials: issues bearer tokens at the spec's own path, lets in who shows one that still lives. */
  private static final class Tokens implements Filter {
    private final String credential;
    private final long tokenMillis;
    private final Map<String, Long> ends = new ConcurrentHashMap<>();

    Tokens(String credential, long tokenSeconds) {
      this.credential = credential;
      this.tokenMillis = tokenSeconds * 1000;
    }

    @Override
    public void doFilter(ServletRequest anyRequest, ServletResponse anyResponse, FilterChain chain) throws IOException, ServletException {
      HttpServletRequest request = (HttpServletRequest) anyRequest;
      HttpServletResponse response = (HttpServletResponse) anyResponse;
      if (request.getRequestURI().equals("/v1/oauth/tokens")) {
        issue(request, response);
        return;
      }
      String header = request.getHeader("Authorization");
      Long end = header != null && header.startsWith("Bearer ") ? ends.get(header.substring("Bearer ".length())) : null;
      if (end == null || end < System.currentTimeMillis()) {
        answer(response, 401, "{\"error\":{\"message\":\"The token is missing, unknown or expired\",\"type\":\"NotAuthorizedException\",\"code\":401}}");
        return;
      }
      chain.doFilter(request, response);
    }

    private void issue(HttpServletRequest request, HttpServletResponse response) throws IOException {
      String given = request.getParameter("client_id") + ":" + request.getParameter("client_secret");
      String header = request.getHeader("Authorization");
      if (header != null && header.startsWith("Basic ")) {
        given = new String(java.util.Base64.getDecoder().decode(header.substring("Basic ".length())), java.nio.charset.StandardCharsets.UTF_8);
      }
      if (!given.equals(credential)) {
        answer(response, 401, "{\"error\":\"invalid_client\",\"error_description\":\"unknown client or wrong secret\"}");
        return;
      }
      String token = UUID.randomUUID().toString();
      ends.put(token, System.currentTimeMillis() + tokenMillis);
      answer(response, 200, "{\"access_token\":\"" + token + "\",\"token_type\":\"bearer\",\"expires_in\":" + tokenMillis / 1000
          + ",\"issued_token_type\":\"urn:ietf:params:oauth:token-type:access_token\"}");
    }

    private static void answer(HttpServletResponse response, int status, String body) throws IOException {
      response.setStatus(status);
      response.setContentType("application/json");
      response.getWriter().write(body);
    }
  }
}
