// Iceberg's own Java library as a judge of our tables: counts under filters, at snapshots, and rows as canonical text.
//
//   java -cp 'lib/*' Judge.java ask QUESTIONS.json      prints {"counts":{name:n}} and writes one text file per question that asks for rows
//   java -cp 'lib/*' Judge.java rollback URL NAMESPACE TABLE SNAPSHOT_ID
//   java -cp 'lib/*' Judge.java expire URL NAMESPACE TABLE       every snapshot but the current one, with its files
//
// The form of QUESTIONS.json and of a canonical row is described in ../question.ts.

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedWriter;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.hadoop.conf.Configuration;
import org.apache.iceberg.Table;
import org.apache.iceberg.catalog.Namespace;
import org.apache.iceberg.catalog.TableIdentifier;
import org.apache.iceberg.data.IcebergGenerics;
import org.apache.iceberg.data.Record;
import org.apache.iceberg.expressions.Expression;
import org.apache.iceberg.expressions.Expressions;
import org.apache.iceberg.io.CloseableIterable;
import org.apache.iceberg.rest.RESTCatalog;

public class Judge {
  private static final char SEPARATOR = '\u001f';

  public static void main(String[] args) throws Exception {
    switch (args[0]) {
      case "ask" -> ask(new ObjectMapper().readTree(Path.of(args[1]).toFile()));
      case "rollback" -> {
        try (RESTCatalog catalog = connect(args[1])) {
          catalog.loadTable(TableIdentifier.of(Namespace.of(args[2]), args[3]))
              .manageSnapshots().rollbackTo(Long.parseLong(args[4])).commit();
        }
      }
      case "expire" -> {
        try (RESTCatalog catalog = connect(args[1])) {
          catalog.loadTable(TableIdentifier.of(Namespace.of(args[2]), args[3]))
              .expireSnapshots().expireOlderThan(System.currentTimeMillis()).retainLast(1).commit();
        }
      }
      default -> throw new IllegalArgumentException("unknown command " + args[0]);
    }
  }

  private static void ask(JsonNode questions) throws Exception {
    ObjectMapper mapper = new ObjectMapper();
    ObjectNode counts = mapper.createObjectNode();
    try (RESTCatalog catalog = connect(questions.get("catalog").asText())) {
      Table table = catalog.loadTable(TableIdentifier.of(Namespace.of(questions.get("namespace").asText()), questions.get("table").asText()));
      for (JsonNode question : questions.get("questions")) {
        String name = question.get("name").asText();
        Path rows = question.get("rows").asBoolean() ? Path.of(questions.get("folder").asText(), "java-" + name + ".txt") : null;
        counts.put(name, answer(table, question, questions.get("columns"), rows));
      }
    }
    System.out.println(mapper.writeValueAsString(mapper.createObjectNode().set("counts", counts)));
  }

  private static long answer(Table table, JsonNode question, JsonNode columns, Path rows) throws Exception {
    IcebergGenerics.ScanBuilder scan = IcebergGenerics.read(table);
    if (!question.get("snapshot").isNull()) scan = scan.useSnapshot(Long.parseLong(question.get("snapshot").asText()));
    if (!question.get("filter").isNull()) scan = scan.where(expression(question.get("filter")));
    long count = 0;
    try (CloseableIterable<Record> records = scan.build();
        BufferedWriter out = rows == null ? null : Files.newBufferedWriter(rows, StandardCharsets.UTF_8)) {
      for (Record record : records) {
        count++;
        if (out != null) out.append(canonical(record, columns)).append('\n');
      }
    }
    return count;
  }

  private static String canonical(Record record, JsonNode columns) {
    StringBuilder line = new StringBuilder();
    for (JsonNode column : columns) {
      if (line.length() > 0) line.append(SEPARATOR);
      Object value = record;
      for (String name : column.get("path").asText().split("\\.")) {
        // A column that the snapshot's own schema does not have reads as null, like everywhere else.
        Record struct = (Record) value;
        value = struct == null || struct.struct().field(name) == null ? null : struct.getField(name);
      }
      line.append(text(value, column.get("kind").asText()));
    }
    return line.toString();
  }

  private static String text(Object value, String kind) {
    if (value == null) return "\\N";
    return switch (kind) {
      case "timestamptz" -> Long.toString(ChronoUnit.MICROS.between(Instant.EPOCH, ((OffsetDateTime) value).toInstant()));
      case "decimal" -> ((BigDecimal) value).toPlainString();
      case "double" -> Long.toString(Math.round((Double) value * 1e6));
      case "string" -> value.toString().replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r");
      default -> value.toString();
    };
  }

  private static Expression expression(JsonNode e) {
    String op = e.get(0).asText();
    return switch (op) {
      case "and" -> Expressions.and(expression(e.get(1)), expression(e.get(2)));
      case "or" -> Expressions.or(expression(e.get(1)), expression(e.get(2)));
      case "not" -> Expressions.not(expression(e.get(1)));
      case "is-null" -> Expressions.isNull(e.get(1).asText());
      case "not-null" -> Expressions.notNull(e.get(1).asText());
      case "=" -> Expressions.equal(e.get(1).asText(), literal(e.get(2)));
      case "<" -> Expressions.lessThan(e.get(1).asText(), literal(e.get(2)));
      case ">=" -> Expressions.greaterThanOrEqual(e.get(1).asText(), literal(e.get(2)));
      case "starts-with" -> Expressions.startsWith(e.get(1).asText(), (String) literal(e.get(2)));
      case "in" -> {
        List<Object> values = new ArrayList<>();
        for (JsonNode v : e.get(2)) values.add(literal(v));
        yield Expressions.in(e.get(1).asText(), values.toArray());
      }
      default -> throw new IllegalArgumentException("unknown operator " + op);
    };
  }

  private static Object literal(JsonNode node) {
    String value = node.get("value").asText();
    return switch (node.get("kind").asText()) {
      case "long" -> Long.parseLong(value);
      case "decimal" -> new BigDecimal(value);
      case "double" -> Double.parseDouble(value);
      default -> value;
    };
  }

  private static RESTCatalog connect(String url) {
    RESTCatalog catalog = new RESTCatalog();
    catalog.setConf(new Configuration());
    catalog.initialize("firn", Map.of("uri", url, "io-impl", "org.apache.iceberg.hadoop.HadoopFileIO"));
    return catalog;
  }
}
